import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.pytorch.executorch.EValue;
import org.pytorch.executorch.Module;
import org.pytorch.executorch.Tensor;

/** Methods of a .pte file, loaded from a path as an app does; tensors are bound by position in the contract. */
final class Executorch implements GraphServer.Graphs {
    private static final int THREADS = 1;

    private final Module module;
    private final Map<String, Graph> contract = new LinkedHashMap<>();

    private Executorch(Path file, List<Graph> contract) {
        contract.forEach(graph -> this.contract.put(graph.name, graph));
        module = Module.load(file.toString(), Module.LOAD_MODE_MMAP, THREADS);
        for (Graph graph : held()) {
            int error = module.loadMethod(graph.name);
            if (error != 0) {
                throw new IllegalStateException(
                        "method " + graph.name + " cannot be loaded: error " + error + "\n" + log());
            }
        }
    }

    public static void main(String[] arguments) {
        GraphServer.serve(() -> Class.forName(Module.class.getName()),
                contract -> new Executorch(Path.of(arguments[0]), contract));
    }

    /** Its Java API tells names of methods and nothing of their tensors: those are the contract's until they run. */
    @Override
    public List<Graph> held() {
        List<Graph> graphs = new ArrayList<>();
        for (String name : module.getMethods()) {
            graphs.add(contract.getOrDefault(name, new Graph(name)));
        }
        return graphs;
    }

    @Override
    public GraphServer.Call bind(Graph graph, List<Value> inputs) {
        EValue[] in = new EValue[inputs.size()];
        for (int index = 0; index < in.length; index++) {
            in[index] = EValue.from(tensor(graph.inputs.get(index), inputs.get(index)));
        }
        return new GraphServer.Call() {
            private EValue[] out;

            @Override
            public void run() {
                out = module.execute(graph.name, in);
            }

            @Override
            public List<Value> outputs() {
                return Arrays.stream(out).map(Executorch::value).collect(Collectors.toList());
            }
        };
    }

    private String log() {
        return String.join("\n", module.readLogBuffer());
    }

    private static Tensor tensor(Graph.Tensor described, Value value) {
        return described.type.equals("int32")
                ? Tensor.fromBlob(value.data.asIntBuffer(), value.shape)
                : Tensor.fromBlob(value.data.asFloatBuffer(), value.shape);
    }

    private static Value value(EValue out) {
        Tensor tensor = out.toTensor();
        Value value = new Value(tensor.shape());
        value.data.asFloatBuffer().put(FloatBuffer.wrap(tensor.getDataAsFloatArray()));
        return value;
    }
}
