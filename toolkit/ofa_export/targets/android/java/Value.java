import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** Values of a tensor, four bytes each, in a direct buffer of the machine's byte order. */
final class Value {
    static final int ITEM_BYTES = 4;

    final long[] shape;
    final ByteBuffer data;

    Value(long[] shape) {
        this.shape = shape;
        int count = 1;
        for (long size : shape) {
            count = Math.multiplyExact(count, Math.toIntExact(size));
        }
        data = ByteBuffer.allocateDirect(count * ITEM_BYTES).order(ByteOrder.nativeOrder());
    }

    Value(int[] shape) {
        this(java.util.Arrays.stream(shape).asLongStream().toArray());
    }

    /** Values of tensors, all 0. */
    static List<Value> allocate(List<Graph.Tensor> tensors) {
        List<Value> values = new ArrayList<>();
        tensors.forEach(tensor -> values.add(new Value(tensor.shape)));
        return values;
    }

    /** Takes the values of tensors from a request, one after the other. */
    static void read(List<Value> values, ByteBuffer request) {
        for (Value value : values) {
            ByteBuffer part = request.slice();
            part.limit(value.data.capacity());
            value.data.rewind().put(part).rewind();
            request.position(request.position() + value.data.capacity());
        }
    }

    /** The shapes and values of outputs, one after the other. */
    static ByteBuffer bytes(List<Value> values) {
        int size = 0;
        for (Value value : values) {
            size += ITEM_BYTES * (1 + value.shape.length) + value.data.capacity();
        }
        ByteBuffer bytes = ByteBuffer.allocate(size);
        for (Value value : values) {
            bytes.putInt(value.shape.length);
            for (long axis : value.shape) {
                bytes.putInt((int) axis);
            }
            value.data.rewind();
            bytes.put(value.data);
        }
        bytes.flip();
        return bytes;
    }
}
