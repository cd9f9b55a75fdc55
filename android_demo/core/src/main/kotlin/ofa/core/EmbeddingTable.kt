package ofa.core

import java.nio.ByteBuffer
import java.nio.FloatBuffer

/**
 * The item table with the first [keptTiles] tiles of its file; a table never changes, [withTiles] gives another view.
 *
 * Dropping tiles copies nothing: the bytes beyond the kept ones are just not looked at any more, and those of a mapped
 * file leave the memory as the system needs it. Tables can be shared between threads.
 */
public class EmbeddingTable internal constructor(private val file: TableFile, public val keptTiles: Int) {
    private val planes = file.order.planes(keptTiles)
    private val tileStarts = file.tileStarts(keptTiles)

    /** V, rows. */
    public val items: Int get() = file.firstRows.last()

    /** d, values of a row. */
    public val width: Int get() = file.layout.width

    /** Tiles that the file has: the most that can be kept. */
    public val availableTiles: Int get() = file.layout.tilesKept

    /** With fewer tiles some items have nothing at all. */
    public val floorTiles: Int get() = file.layout.floorTiles

    /** Bytes of `embeddings.bin` that are read: what comes before the tiles, and the kept tiles. */
    public val bytesUsed: Long get() = bytesOf(keptTiles)

    /** Bytes that a number of tiles, in 0..[availableTiles], would use. */
    public fun bytesOf(tiles: Int): Long {
        require(tiles in 0..availableTiles) { "$tiles tiles were asked for; this table holds 0 to $availableTiles." }
        return file.headBytes + file.order.starts[tiles]
    }

    /** The most tiles that use no more than [bytes]; 0 if not even what comes before them fits. */
    public fun tilesWithin(bytes: Long): Int = (availableTiles downTo 0).firstOrNull { bytesOf(it) <= bytes } ?: 0

    /** The same table with another number of tiles, in 0..[availableTiles]. */
    public fun withTiles(count: Int): EmbeddingTable {
        require(count in 0..availableTiles) { "$count tiles were asked for; this table holds 0 to $availableTiles." }
        return EmbeddingTable(file, count)
    }

    /** The embedding of a row, `[d]`. */
    public fun lookup(row: Int): FloatArray = FloatArray(width).also { lookup(row, FloatBuffer.wrap(it), 0) }

    /** Put the embedding of [row], d values, into [destination] from [offset] on; its position and limit stay. */
    public fun lookup(row: Int, destination: FloatBuffer, offset: Int) {
        val group = groupOf(row)
        val blocks = file.layout.blocks
        for (n in 0 until blocks) {
            val block = group * blocks + n
            val present = planes[block].toInt()
            val codes = codes(block, present, row - file.firstRows[group])
            for (j in 0 until BLOCK_WIDTH) {
                val value = if (present == 0) 0f else file.value(block, present, codes ushr (8 * j) and 0xff)
                destination.put(offset + BLOCK_WIDTH * n + j, value)
            }
        }
    }

    /** Leading bits of the codes of a row that are present, as numbers of so many bits, `[d]`. */
    internal fun codes(row: Int): IntArray {
        val group = groupOf(row)
        val blocks = file.layout.blocks
        return IntArray(width) { dimension ->
            val block = group * blocks + dimension / BLOCK_WIDTH
            val codes = codes(block, planes[block].toInt(), row - file.firstRows[group])
            (codes ushr (8 * (dimension % BLOCK_WIDTH)) and 0xff).toInt()
        }
    }

    /** Bit planes present of the block of each dimension of a row, `[d]`. */
    internal fun planes(row: Int): IntArray {
        val first = groupOf(row) * file.layout.blocks
        return IntArray(width) { planes[first + it / BLOCK_WIDTH].toInt() }
    }

    /** The eight codes of a block in eight bytes, dimension 0 in the lowest; each has [present] bits. */
    private fun codes(block: Int, present: Int, inside: Int): Long {
        // The bytes of the planes are an 8 x 8 bit matrix, planes by dimensions; its transpose holds the codes.
        var matrix = 0L
        for (plane in 0 until present) {
            val byte = file.tiles.get(tileStarts[block * PLANES + plane] + inside).toLong() and 0xff
            matrix = matrix or (byte shl (8 * (present - 1 - plane)))
        }
        return transposed(matrix)
    }

    private fun groupOf(row: Int): Int {
        require(row in 0 until items) { "Row $row is not in 0..${items - 1}." }
        val found = file.firstRows.binarySearch(row)
        return if (found >= 0) found else -found - 2
    }
}

/** What all views of a table share: `embeddings.bin`, checked. */
internal class TableFile(
    val layout: EmbeddingLayout,
    private val scales: FloatArray,
    private val values: FloatArray,
    val order: TileOrder,
    val tiles: ByteBuffer,
    val headBytes: Int,
) {
    /** First row of each group, and V. */
    val firstRows: IntArray = layout.groupSizes.runningFold(0) { first, size -> first + size.toInt() }.toIntArray()

    /** Where each of the first [count] tiles starts, by tile index. */
    fun tileStarts(count: Int): IntArray {
        val starts = IntArray(layout.tilesTotal)
        for (place in 0 until count) starts[order.tiles[place]] = order.starts[place].toInt()
        return starts
    }

    // Adding zero turns -0.0 into 0.0, as the toolkit does.
    fun value(block: Int, planes: Int, code: Long): Float =
        values[(1 shl planes) - 2 + code.toInt()] * scales[block] + 0f
}

/** The 8 x 8 bit matrix with rows and columns exchanged (Hacker's Delight, section 7-3). */
internal fun transposed(matrix: Long): Long {
    val ones = exchanged(matrix, 7, 0x00AA00AA00AA00AAL)
    val twos = exchanged(ones, 14, 0x0000CCCC0000CCCCL)
    return exchanged(twos, 28, 0x00000000F0F0F0F0L)
}

private fun exchanged(matrix: Long, distance: Int, mask: Long): Long {
    val swapped = (matrix xor (matrix ushr distance)) and mask
    return matrix xor swapped xor (swapped shl distance)
}
