package ofa.core

import java.nio.FloatBuffer

/**
 * The item table with the first [keptTiles] tiles of its file; a table never changes, [withTiles] gives another view.
 *
 * Dropping tiles copies nothing: the bytes beyond the kept ones are just not looked at any more.
 */
public class EmbeddingTable internal constructor(public val keptTiles: Int) {
    /** V, rows. */
    public val items: Int get() = TODO()

    /** d, values of a row. */
    public val width: Int get() = TODO()

    /** Tiles that the file has: the most that can be kept. */
    public val availableTiles: Int get() = TODO()

    /** With fewer tiles some items have nothing at all. */
    public val floorTiles: Int get() = TODO()

    /** Bytes of `embeddings.bin` that are read: what comes before the tiles, and the kept tiles. */
    public val bytesUsed: Long get() = TODO()

    /** Bytes that a number of tiles would use. */
    public fun bytesOf(tiles: Int): Long = TODO()

    /** The most tiles that use no more than [bytes]; 0 if not even the head of the file fits. */
    public fun tilesWithin(bytes: Long): Int = TODO()

    /** The same table with another number of tiles, in 0..[availableTiles]. */
    public fun withTiles(count: Int): EmbeddingTable = TODO()

    /** Put the embedding of [row] into [destination] at [offset]; position and limit stay. */
    public fun lookup(row: Int, destination: FloatBuffer, offset: Int): Unit = TODO()

    /** The embedding of a row, `[d]`. */
    public fun lookup(row: Int): FloatArray = TODO()
}
