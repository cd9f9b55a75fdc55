package ofa.core

import java.nio.ByteBuffer

/** Reads `embeddings.bin`: scales, decoding tables, the order, and the kept tiles, which stay where they are. */
internal object EmbeddingsReader {
    const val ENTRY = "embeddings.bin"

    /** The 2^k values of table k start at 2^k - 2, k = 1..8. */
    const val TABLE_VALUES = 510

    fun read(data: ByteBuffer, layout: EmbeddingLayout): EmbeddingTable {
        val blocks = layout.groupSizes.size * layout.blocks
        val orderStart = 4 * (blocks + TABLE_VALUES)
        val tilesStart = orderStart + 2 * layout.tilesTotal
        demand(data.limit() >= tilesStart, RejectionCode.TABLE_SIZE, ENTRY) {
            "it has ${grouped(data.limit())} bytes, fewer than the ${grouped(tilesStart)} before its tiles."
        }
        val scales = floats(data, 0, blocks)
        val values = floats(data, blocks, TABLE_VALUES)
        checkScales(scales, values, ENTRY)
        val order = TileOrder.read(data.part(orderStart, 2 * layout.tilesTotal), layout, ENTRY)
        val expected = tilesStart + order.starts[layout.tilesKept]
        demand(data.limit().toLong() == expected, RejectionCode.TABLE_SIZE, ENTRY) {
            "it has ${grouped(data.limit())} bytes; ${layout.tilesKept} tiles of these groups need " +
                "${grouped(expected)}."
        }
        val tiles = data.part(tilesStart, data.limit() - tilesStart)
        return EmbeddingTable(TableFile(layout, scales, values, order, tiles, tilesStart), layout.tilesKept)
    }

    /** [count] float32 of [data] from element [first] on. */
    fun floats(data: ByteBuffer, first: Int, count: Int) = FloatArray(count) { data.getFloat(4 * (first + it)) }

    /** Refuse scales and decoding tables that could give an embedding that is not finite. */
    fun checkScales(scales: FloatArray, values: FloatArray, entry: String) {
        demand((scales + values).all(Float::isFinite) && scales.all { it >= 0 }, RejectionCode.TABLE_VALUES, entry) {
            "a scale or table value is not finite, or a scale is negative."
        }
        demand((scales.max() * values.maxOf { kotlin.math.abs(it) }).isFinite(), RejectionCode.TABLE_VALUES, entry) {
            "a scale times a table value is too large for a float32."
        }
    }
}
