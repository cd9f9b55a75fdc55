import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.tensorflow.lite.Interpreter;
import org.tensorflow.lite.Tensor;
import org.tensorflow.lite.TensorFlowLite;

/** Signatures of a .tflite file, mapped from disk as an app does; tensors are bound by name. */
final class LiteRt implements GraphServer.Graphs {
    private final Interpreter interpreter;

    private LiteRt(Path file) throws Exception {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
            interpreter = new Interpreter(mapped, new Interpreter.Options().setNumThreads(1));
        }
    }

    public static void main(String[] arguments) {
        GraphServer.serve(TensorFlowLite::init, contract -> new LiteRt(Path.of(arguments[0])));
    }

    @Override
    public List<Graph> held() {
        List<Graph> graphs = new ArrayList<>();
        for (String key : interpreter.getSignatureKeys()) {
            Graph graph = new Graph(key);
            for (String name : interpreter.getSignatureInputs(key)) {
                graph.inputs.add(described(name, interpreter.getInputTensorFromSignature(name, key)));
            }
            for (String name : interpreter.getSignatureOutputs(key)) {
                graph.outputs.add(described(name, interpreter.getOutputTensorFromSignature(name, key)));
            }
            graphs.add(graph);
        }
        return graphs;
    }

    @Override
    public GraphServer.Call bind(Graph graph, List<Value> inputs) {
        Map<String, Object> in = new HashMap<>();
        for (int index = 0; index < inputs.size(); index++) {
            in.put(graph.inputs.get(index).name, inputs.get(index).data);
        }
        Map<String, Object> out = new HashMap<>();
        List<Value> outputs = new ArrayList<>();
        for (Graph.Tensor tensor : graph.outputs) {
            Value value = new Value(interpreter.getOutputTensorFromSignature(tensor.name, graph.name).shape());
            out.put(tensor.name, value.data);
            outputs.add(value);
        }
        return new GraphServer.Call() {
            @Override
            public void run() {
                outputs.forEach(value -> value.data.rewind());
                interpreter.runSignature(in, out, graph.name);
            }

            @Override
            public List<Value> outputs() {
                return outputs;
            }
        };
    }

    private static Graph.Tensor described(String name, Tensor tensor) {
        return new Graph.Tensor(name, tensor.dataType().name().toLowerCase(), tensor.shape());
    }
}
