import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Answers requests to run graphs over its standard input, a socket; child_process.py and child_runner.py say how. */
final class GraphServer {
    /** A loaded file. */
    interface Graphs {
        /** What the file holds, as far as its runtime tells. */
        List<Graph> held();

        /** Runs one graph: inputs and outputs are direct buffers in the order of the contract. */
        List<Value> run(Graph graph, List<Value> inputs) throws Exception;
    }

    /** Loads the file that has to hold the graphs of a contract. */
    interface Loader {
        Graphs load(List<Graph> contract) throws Exception;
    }

    private GraphServer() {}

    /** Serves until the other side closes the socket; never returns, since native threads may still run. */
    static void serve(Loader loader) {
        try {
            endWithParent();
            serve(loader, new DataInputStream(new FileInputStream(FileDescriptor.in)),
                    // The same descriptor: it is a socket. What native code prints to standard output goes elsewhere.
                    new DataOutputStream(new FileOutputStream(FileDescriptor.in)));
        } catch (EOFException closed) {
            Runtime.getRuntime().halt(0);
        } catch (IOException lost) {
            Runtime.getRuntime().halt(1);
        }
    }

    private static void serve(Loader loader, DataInputStream in, DataOutputStream out) throws IOException {
        List<Graph> contract = Graph.parse(new String(receive(in).array(), StandardCharsets.UTF_8));
        Graphs graphs = null;
        try {
            graphs = loader.load(contract);
            byte[] held = Graph.text(graphs.held()).getBytes(StandardCharsets.UTF_8);
            send(out, ByteBuffer.wrap(held));
        } catch (Exception | LinkageError refused) {
            fail(out, refused);
        }
        while (true) {
            ByteBuffer request = receive(in);
            try {
                Graph graph = contract.get(request.getInt());
                send(out, Value.bytes(graphs.run(graph, Value.read(graph.inputs, request))));
            } catch (Exception failed) {
                fail(out, failed);
            }
        }
    }

    private static ByteBuffer receive(DataInputStream in) throws IOException {
        byte[] content = new byte[in.readInt()];
        in.readFully(content);
        return ByteBuffer.wrap(content);
    }

    private static void send(DataOutputStream out, ByteBuffer content) throws IOException {
        reply(out, (byte) 0, content);
    }

    private static void fail(DataOutputStream out, Throwable reason) throws IOException {
        String text = reason.getMessage() == null ? reason.toString() : reason.getMessage();
        reply(out, (byte) 1, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static void reply(DataOutputStream out, byte status, ByteBuffer content) throws IOException {
        ByteBuffer frame = ByteBuffer.allocate(5 + content.remaining());
        frame.putInt(1 + content.remaining()).put(status).put(content);
        out.write(frame.array());
    }

    /** A process that is killed cannot close us while native code runs; one that lost its parent must not go on. */
    private static void endWithParent() {
        long parent = ProcessHandle.current().parent().map(ProcessHandle::pid).orElse(0L);
        Thread watch = new Thread(() -> {
            while (ProcessHandle.current().parent().map(ProcessHandle::pid).orElse(0L) == parent) {
                try {
                    Thread.sleep(1000);
                } catch (InterruptedException stopped) {
                    return;
                }
            }
            Runtime.getRuntime().halt(1);
        });
        watch.setDaemon(true);
        watch.start();
    }
}
