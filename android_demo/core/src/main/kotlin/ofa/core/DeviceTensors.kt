package ofa.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.nio.IntBuffer

/**
 * Every tensor that goes into a graph or comes out of one: direct buffers in native byte order, allocated once.
 *
 * [bytes] has the same memory under the names of the contract, for runtimes that bind by name. Graphs share what they
 * share by name: `block_l` reads `hidden` and writes its output to it. Positions and limits stay as they are.
 */
public class DeviceTensors private constructor(public val shapes: Shapes, public val bytes: Map<String, ByteBuffer>) {
    /** `[1, T, d]`, left-padded with zeros. */
    public val history: FloatBuffer = floats("history")

    /** `[1]`, items of the history. */
    public val length: IntBuffer = bytes.getValue("length").asIntBuffer()

    /** `[1, T, d]`, written by `adapt`, read and written by the blocks, read by `score`. */
    public val hidden: FloatBuffer = floats("hidden")

    /** `[1, L]`, 1 where a block is on. */
    public val gates: FloatBuffer = floats("gates")

    /** `[1, L, 2]`, logits of leaving out and of keeping each block. */
    public val keepLogits: FloatBuffer = floats("keep_logits")

    /** `[1, P]` each, generated parameters of each block. */
    public val thetas: List<FloatBuffer> = List(shapes.depth) { floats("theta_$it") }

    /** `[1, C, d]`. */
    public val candidates: FloatBuffer = floats("candidates")

    /** `[1, C]`. */
    public val scores: FloatBuffer = floats("scores")

    private fun floats(name: String): FloatBuffer = bytes.getValue(name).asFloatBuffer()

    public companion object {
        /** The most that all tensors together may take. */
        public const val MAX_BYTES: Long = 256L shl 20

        /** Bytes of all tensors of a contract. */
        public fun bytesOf(shapes: Shapes): Long = specs(shapes).sumOf { 4 * values(it) }

        /** The tensors of a contract, zeros; null if they would take more than [MAX_BYTES]. */
        public fun allocate(shapes: Shapes): DeviceTensors? {
            if (bytesOf(shapes) > MAX_BYTES) return null
            return DeviceTensors(shapes, specs(shapes).associate { it.name to buffer(values(it)) })
        }

        private fun specs(shapes: Shapes) = shapes.contract().flatMap { it.inputs + it.outputs }.distinct()

        private fun values(spec: TensorSpec) = spec.shape.fold(1L) { product, axis -> product * axis }

        private fun buffer(values: Long) = ByteBuffer.allocateDirect(4 * values.toInt()).order(ByteOrder.nativeOrder())
    }
}
