package ofa.core

import java.nio.ByteBuffer

/**
 * Made histories with the outputs of the reference, by which a phone checks itself; see docs/bundle-format.md.
 *
 * S cases, K candidates, M tile items; arrays are row by row and not to be written to.
 */
public class SelfTestVectors internal constructor(
    private val rows: FloatArray,
    private val lengths: IntArray,
    internal val candidates: List<FloatArray>,
    internal val gates: List<FloatArray>,
    internal val keepLogits: List<FloatArray>,
    internal val scores: List<FloatArray>,
    internal val tileItems: IntArray,
    internal val tileCodes: List<IntArray>,
) {
    /** S, the number of histories. */
    public val cases: Int get() = lengths.size

    /** The history embeddings of a case, oldest first, `[length][d]`. */
    internal fun history(case: Int): List<FloatArray> {
        val width = candidates[0].size
        val first = lengths.take(case).sum()
        return List(lengths[case]) { rows.copyOfRange((first + it) * width, (first + it + 1) * width) }
    }
}

/** Reads `selftest.bin`. */
internal object SelfTestReader {
    const val ENTRY = "selftest.bin"
    private const val MAX_ROWS = 1L shl 30

    private class Kind(val dtype: String, val axes: Int)

    private val KINDS = mapOf(
        "rows" to Kind("float16", 2),
        "lengths" to Kind("int32", 1),
        "candidates" to Kind("float16", 2),
        "gates" to Kind("float32", 2),
        "keep_logits" to Kind("float32", 3),
        "scores" to Kind("float32", 2),
        "tile_items" to Kind("int32", 1),
        "tile_codes" to Kind("uint8", 2),
    )

    fun read(data: ByteBuffer, shapes: Shapes, items: Long): SelfTestVectors {
        val tensors = Safetensors.read(data)
            ?: refuse(RejectionCode.SELFTEST_FILE, "it is not a safetensors file.", ENTRY)
        demand(tensors.keys == KINDS.keys, RejectionCode.SELFTEST_TENSORS, ENTRY) {
            "it holds ${tensors.keys.sorted().joinToString()}; needed are ${KINDS.keys.sorted().joinToString()}."
        }
        KINDS.forEach { (name, kind) -> checkKind(name, tensors.getValue(name), kind) }
        val lengths = tensors.getValue("lengths").integers()
        demand(lengths.all { it in 1..shapes.historyLength }, RejectionCode.SELFTEST_TENSORS, ENTRY) {
            "lengths holds a value outside 1..${shapes.historyLength}."
        }
        val candidates = tensors.getValue("candidates").shape[0]
        demand(candidates <= shapes.candidates, RejectionCode.SELFTEST_TENSORS, ENTRY) {
            "candidates has $candidates rows; at most ${shapes.candidates} are scored."
        }
        checkShapes(tensors, lengths, shapes)
        val gates = tensors.getValue("gates").floats()
        demand(gates.all { it == 0f || it == 1f }, RejectionCode.SELFTEST_TENSORS, ENTRY) {
            "gates holds a value other than 0 and 1."
        }
        val tileItems = tensors.getValue("tile_items").integers()
        demand(tileItems.all { it in 0 until items }, RejectionCode.SELFTEST_TENSORS, ENTRY) {
            "tile_items holds a row outside 0..${items - 1}."
        }
        return vectors(tensors, lengths, gates, tileItems, shapes)
    }

    private fun checkKind(name: String, tensor: RawTensor, kind: Kind) {
        val isOfKind = tensor.dtype == kind.dtype && tensor.shape.size == kind.axes && tensor.size > 0
        demand(isOfKind, RejectionCode.SELFTEST_TENSORS, ENTRY) {
            "$name is ${tensor.dtype} ${shape(tensor.shape)}; needed are ${kind.dtype} on ${kind.axes} axes."
        }
        val isFinite = !kind.dtype.startsWith("float") || tensor.floats().all(Float::isFinite)
        demand(isFinite, RejectionCode.SELFTEST_TENSORS, ENTRY) {
            "$name holds a value that is not finite."
        }
    }

    private fun checkShapes(tensors: Map<String, RawTensor>, lengths: IntArray, shapes: Shapes) {
        val candidates = tensors.getValue("candidates").shape[0]
        val expected = mapOf(
            "rows" to listOf(lengths.sumOf { it.toLong() }.coerceAtMost(MAX_ROWS).toInt(), shapes.width),
            "candidates" to listOf(candidates, shapes.width),
            "gates" to listOf(lengths.size, shapes.depth),
            "keep_logits" to listOf(lengths.size, shapes.depth, 2),
            "scores" to listOf(lengths.size, candidates),
            "tile_codes" to listOf(tensors.getValue("tile_items").size, shapes.width),
        )
        for ((name, needed) in expected) {
            val found = tensors.getValue(name).shape
            demand(found == needed, RejectionCode.SELFTEST_TENSORS, ENTRY) {
                "$name has shape ${shape(found)}; needed is ${shape(needed)}."
            }
        }
    }

    private fun vectors(
        tensors: Map<String, RawTensor>,
        lengths: IntArray,
        gates: FloatArray,
        tileItems: IntArray,
        shapes: Shapes,
    ): SelfTestVectors {
        fun rows(name: String, size: Int) = rows(tensors.getValue(name).floats(), size)
        val codes = tensors.getValue("tile_codes")
        return SelfTestVectors(
            rows = tensors.getValue("rows").floats(),
            lengths = lengths,
            candidates = rows("candidates", shapes.width),
            gates = rows(gates, shapes.depth),
            keepLogits = rows("keep_logits", 2 * shapes.depth),
            scores = rows("scores", tensors.getValue("candidates").shape[0]),
            tileItems = tileItems,
            tileCodes = List(tileItems.size) { item ->
                IntArray(shapes.width) { codes.data.uint8(item * shapes.width + it) }
            },
        )
    }

    private fun rows(values: FloatArray, size: Int) =
        List(values.size / size) { values.copyOfRange(it * size, (it + 1) * size) }

    private fun shape(axes: List<Int>) = axes.joinToString(prefix = "(", postfix = ")")
}

private fun RawTensor.integers() = IntArray(size) { data.getInt(4 * it) }

private fun RawTensor.floats(): FloatArray =
    if (dtype == "float16") {
        FloatArray(size) { halfToFloat(data.getShort(2 * it)) }
    } else {
        FloatArray(size) { data.getFloat(4 * it) }
    }

/** The value of an IEEE 754 half, exactly. */
internal fun halfToFloat(half: Short): Float {
    val bits = half.toInt() and 0xffff
    val sign = bits and 0x8000 shl 16
    val exponent = bits ushr 10 and 0x1f
    val fraction = bits and 0x3ff
    return when (exponent) {
        // Subnormal: fraction * 2^-24, which every float holds.
        0 -> Float.fromBits(sign or (fraction * (1f / (1 shl 24))).toRawBits())
        0x1f -> Float.fromBits(sign or 0x7f800000 or (fraction shl 13))
        else -> Float.fromBits(sign or (exponent + 112 shl 23) or (fraction shl 13))
    }
}
