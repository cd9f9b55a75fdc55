package ofa.core

import kotlin.random.Random

/**
 * Keys and titles of items, row by row: one array of UTF-8, of which texts are made when they are asked for.
 *
 * @param text V keys and then V titles, each followed by a newline but the last.
 * @param starts where each of these lines starts, and one past the end of the text and its missing newline.
 */
public class ItemCatalogue internal constructor(private val text: ByteArray, private val starts: IntArray) {
    /** V, rows. */
    public val size: Int get() = starts.size / 2

    private val seed = Random.nextInt()

    // Rows by the hash of their key, -1 where there is none: a map of a million texts would take a hundred times this.
    private val rows = IntArray(Integer.highestOneBit(size) * 4) { -1 }

    init {
        for (row in 0 until size) {
            val place = placeOf(row)
            if (rows[place] >= 0) throw DuplicateKey(key(row))
            rows[place] = row
        }
    }

    /** What the app looks up; unique. */
    public fun key(row: Int): String = line(checked(row))

    /** What the app shows; "" when nobody gave one. */
    public fun title(row: Int): String = line(size + checked(row))

    /** Row of a key, null when there is no such item. */
    public fun rowOf(key: String): Int? {
        val wanted = key.toByteArray(Charsets.UTF_8)
        val place = place(hash(wanted, 0, wanted.size)) { row ->
            length(row) == wanted.size && wanted.indices.all { text[starts[row] + it] == wanted[it] }
        }
        return rows[place].takeIf { it >= 0 }
    }

    /** Bytes of a line. */
    internal fun length(line: Int): Int = starts[line + 1] - 1 - starts[line]

    internal class DuplicateKey(val key: String) : Exception()

    private fun line(number: Int) = String(text, starts[number], length(number), Charsets.UTF_8)

    private fun checked(row: Int): Int {
        require(row in 0 until size) { "Row $row is not in 0..${size - 1}." }
        return row
    }

    private fun placeOf(row: Int): Int {
        return place(hash(text, starts[row], length(row))) { other ->
            val size = length(row)
            size == length(other) && (0 until size).all { text[starts[row] + it] == text[starts[other] + it] }
        }
    }

    /** Where a key is, or where it would be put. */
    private inline fun place(hash: Int, isSame: (Int) -> Boolean): Int {
        var place = hash and (rows.size - 1)
        while (rows[place] >= 0 && !isSame(rows[place])) place = (place + 1) and (rows.size - 1)
        return place
    }

    /** Seeded: whoever writes a file does not know which keys meet. */
    private fun hash(bytes: ByteArray, start: Int, size: Int): Int {
        var hash = seed
        for (at in start until start + size) {
            hash = (hash xor bytes[at].toInt()) * MIX
            hash = hash xor (hash ushr 15)
        }
        return hash
    }

    private companion object {
        const val MIX = 0x5bd1e995
    }
}
