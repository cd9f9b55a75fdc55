import java.util.ArrayList;
import java.util.List;

/** Name, inputs and outputs of a graph; contract.py has the same. */
final class Graph {
    /** Name, element type ("float32", "int32") and shape of an input or output. */
    static final class Tensor {
        final String name;
        final String type;
        final int[] shape;

        Tensor(String name, String type, int[] shape) {
            this.name = name;
            this.type = type;
            this.shape = shape;
        }

        private String text() {
            StringBuilder text = new StringBuilder(name).append(' ').append(type);
            for (int size : shape) {
                text.append(' ').append(size);
            }
            return text.toString();
        }
    }

    final String name;
    final List<Tensor> inputs = new ArrayList<>();
    final List<Tensor> outputs = new ArrayList<>();

    Graph(String name) {
        this.name = name;
    }

    /** Reads `graph NAME`, `input NAME TYPE SIZE…` and `output NAME TYPE SIZE…`, one on a line. */
    static List<Graph> parse(String text) {
        List<Graph> graphs = new ArrayList<>();
        for (String line : text.split("\n")) {
            String[] words = line.split(" ");
            if (words[0].equals("graph")) {
                graphs.add(new Graph(words[1]));
                continue;
            }
            int[] shape = new int[words.length - 3];
            for (int axis = 0; axis < shape.length; axis++) {
                shape[axis] = Integer.parseInt(words[axis + 3]);
            }
            Graph graph = graphs.get(graphs.size() - 1);
            (words[0].equals("input") ? graph.inputs : graph.outputs).add(new Tensor(words[1], words[2], shape));
        }
        return graphs;
    }

    /** The reverse of parse. */
    static String text(List<Graph> graphs) {
        List<String> lines = new ArrayList<>();
        for (Graph graph : graphs) {
            lines.add("graph " + graph.name);
            graph.inputs.forEach(tensor -> lines.add("input " + tensor.text()));
            graph.outputs.forEach(tensor -> lines.add("output " + tensor.text()));
        }
        return String.join("\n", lines);
    }
}
