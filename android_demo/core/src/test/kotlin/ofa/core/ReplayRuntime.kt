package ofa.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/**
 * Gives the outputs that were recorded in Python, if what it is given are the recorded inputs, bit for bit; if it is
 * not strict, in a circle and whatever it is given.
 */
class ReplayRuntime(shapes: Shapes, calls: File, private val isStrict: Boolean = true) : AdaptiveRuntime {
    override val description: String = "replay"
    override val tensors: DeviceTensors = DeviceTensors.allocate(shapes)!!

    private class Call(val graph: String, val inputs: Map<String, ByteBuffer>, val outputs: Map<String, ByteBuffer>)

    private val left = ArrayDeque(read(calls))

    override fun adapt(): Ran = run("adapt")

    override fun block(index: Int): Ran = run("block_$index")

    override fun score(): Ran = run("score")

    override fun close() {
        assertTrue(left.isEmpty() || !isStrict, "${left.size} calls of Python did not happen")
    }

    private fun run(graph: String): Ran {
        while (!isStrict && left.first().graph != graph) left += left.removeFirst()
        val call = left.removeFirst()
        assertEquals(call.graph, graph)
        if (!isStrict) left += call else checkInputs(call)
        call.outputs.forEach { (name, data) ->
            val target = tensors.bytes.getValue(name)
            words(data).forEachIndexed { at, word -> target.putInt(4 * at, word) }
        }
        return Ran.Done
    }

    private fun checkInputs(call: Call) {
        call.inputs.forEach { (name, data) ->
            assertEquals(words(data), words(tensors.bytes.getValue(name)), "${call.graph} $name")
        }
    }

    private fun words(data: ByteBuffer) = List(data.limit() / 4) { data.getInt(4 * it) }

    private fun read(file: File): List<Call> {
        val data = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
        val tensors = Safetensors.read(data)!!.entries.groupBy { it.key.substringBefore(' ') }
        return tensors.toSortedMap().values.map { call ->
            val parts = call.associate { (name, tensor) -> name.split(' ') to tensor.data }
            fun of(direction: String) = parts.filterKeys { it[2] == direction }.mapKeys { it.key[3] }
            Call(parts.keys.first()[1], of("in"), of("out"))
        }
    }
}
