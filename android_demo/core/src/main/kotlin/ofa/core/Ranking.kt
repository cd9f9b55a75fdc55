package ofa.core

/** The best items for one history, best first, ties by row. */
public data class Ranking(val items: List<RankedItem>, val adaptation: Adaptation, val milliseconds: Milliseconds)

/** A row with its score. */
public data class RankedItem(val row: Int, val score: Float)

/** Where the time of one ranking went. */
public data class Milliseconds(
    val lookup: Double,
    val adapt: Double,
    val blocks: Double,
    val score: Double,
    val sort: Double,
) {
    /** All of it. */
    public val total: Double get() = lookup + adapt + blocks + score + sort
}

/** The [k] best of some rows, which ascend; equal scores by row. */
internal fun best(rows: IntArray, scores: FloatArray, k: Int): List<RankedItem> {
    val keys = LongArray(rows.size) { (ascendingBits(-scores[it]).toLong() shl 32) or it.toLong() }
    keys.sort()
    return keys.take(k).map { key -> RankedItem(rows[key.toInt()], scores[key.toInt()]) }
}

/** An integer that orders as [value] does; 0 for both zeros. */
private fun ascendingBits(value: Float): Int {
    val bits = (value + 0f).toRawBits()
    return if (bits < 0) bits xor Int.MAX_VALUE else bits
}
