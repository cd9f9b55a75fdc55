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

/** Takes requests and sends answers over its standard input, a socket; child_process.py says how. */
final class GraphServer {
    /** A loaded file. */
    interface Graphs {
        /** What the file holds, as far as its runtime tells. */
        List<Graph> held();

        /** A graph that takes its inputs from these buffers, in the order of the contract. */
        Call bind(Graph graph, List<Value> inputs) throws Exception;
    }

    /** A graph that is ready to run, as an app has it: its buffers are allocated. */
    interface Call {
        /** Runs it on what its inputs hold now. */
        void run() throws Exception;

        /** What the last run gave, in the order of the contract. */
        List<Value> outputs();
    }

    /** Loads the native library, and nothing for it to run. */
    interface Library {
        void load() throws Exception;
    }

    /** Loads the file that has to hold the graphs of a contract. */
    interface Loader {
        Graphs load(List<Graph> contract) throws Exception;
    }

    /** Requests are read into the same array, which grows as needed: garbage would count as memory of the runtime. */
    private static byte[] frame = new byte[0];

    private GraphServer() {}

    /** Serves until the other side closes the socket; never returns, since native threads may still run. */
    static void serve(Library library, Loader loader) {
        try {
            endWithParent();
            serve(library, loader, new DataInputStream(new FileInputStream(FileDescriptor.in)),
                    // The same descriptor: it is a socket. What native code prints to standard output goes elsewhere.
                    new DataOutputStream(new FileOutputStream(FileDescriptor.in)));
        } catch (EOFException closed) {
            Runtime.getRuntime().halt(0);
        } catch (IOException lost) {
            Runtime.getRuntime().halt(1);
        }
    }

    private static void serve(Library library, Loader loader, DataInputStream in, DataOutputStream out)
            throws IOException {
        List<Graph> contract = Graph.parse(StandardCharsets.UTF_8.decode(receive(in)).toString());
        Answers answers = null;
        try {
            answers = new Answers(library, loader, contract);
            byte[] held = Graph.text(answers.held()).getBytes(StandardCharsets.UTF_8);
            send(out, ByteBuffer.wrap(held));
        } catch (Exception | LinkageError refused) {
            fail(out, refused);
        }
        while (true) {
            ByteBuffer request = receive(in);
            try {
                send(out, answers.to(request));
            } catch (Exception failed) {
                fail(out, failed);
            }
        }
    }

    private static ByteBuffer receive(DataInputStream in) throws IOException {
        int size = in.readInt();
        if (frame.length < size) {
            frame = new byte[size];
        }
        in.readFully(frame, 0, size);
        return ByteBuffer.wrap(frame, 0, size);
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
