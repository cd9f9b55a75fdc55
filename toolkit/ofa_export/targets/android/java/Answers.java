import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What a loaded file answers to requests; child_runner.py and measuring_runner.py say what they hold. */
final class Answers {
    /** Numbers of requests that are no graph's. */
    private static final int TIME = -1;

    private static final int MEMORY = -2;

    private final List<Graph> contract;
    private final long libraryBytes;
    private final GraphServer.Graphs graphs;
    private final Map<Graph, Bound> bound = new HashMap<>();

    Answers(GraphServer.Library library, GraphServer.Loader loader, List<Graph> contract) throws Exception {
        this.contract = contract;
        library.load();
        libraryBytes = Memory.peakBytes();
        graphs = loader.load(contract);
    }

    /** What the file holds, as far as its runtime tells. */
    List<Graph> held() {
        return graphs.held();
    }

    ByteBuffer to(ByteBuffer request) throws Exception {
        int number = request.getInt();
        switch (number) {
            case TIME: return time(request);
            case MEMORY: return memory();
            default: return run(bound(number), request);
        }
    }

    private static ByteBuffer run(Bound graph, ByteBuffer request) throws Exception {
        Value.read(graph.inputs, request);
        graph.call.run();
        return Value.bytes(graph.call.outputs());
    }

    /** Runs calls one after the other, several times over, and says how long each took the last time. */
    private ByteBuffer time(ByteBuffer request) throws Exception {
        int passes = request.getInt();
        int first = request.position();
        List<Duration> last = new ArrayList<>();
        for (int pass = 0; pass < passes; pass++) {
            last.clear();
            request.position(first);
            while (request.hasRemaining()) {
                Bound graph = bound(request.getInt());
                Value.read(graph.inputs, request);
                last.add(Duration.of(graph.call));
            }
        }
        ByteBuffer bytes = ByteBuffer.allocate(last.size() * 2 * Long.BYTES);
        last.forEach(each -> bytes.putLong(each.clockNanos).putLong(each.processorNanos));
        return bytes.flip();
    }

    private ByteBuffer memory() throws IOException {
        return ByteBuffer.allocate(2 * Long.BYTES).putLong(libraryBytes).putLong(Memory.peakBytes()).flip();
    }

    /** Buffers of a graph are allocated once, when it is asked for first. */
    private Bound bound(int number) throws Exception {
        Graph graph = contract.get(number);
        if (!bound.containsKey(graph)) {
            List<Value> inputs = Value.allocate(graph.inputs);
            bound.put(graph, new Bound(inputs, graphs.bind(graph, inputs)));
        }
        return bound.get(graph);
    }

    /** A graph and the buffers that it takes its inputs from. */
    private static final class Bound {
        final List<Value> inputs;
        final GraphServer.Call call;

        Bound(List<Value> inputs, GraphServer.Call call) {
            this.inputs = inputs;
            this.call = call;
        }
    }
}
