package ofa.core

import java.nio.FloatBuffer

/**
 * The items that can be ranked: rows 0..V-1 of the bundle, then the items that only the session pack has.
 *
 * An item of the pack that the bundle has too keeps its row and takes its embedding from the pack.
 */
public class DeviceItems internal constructor(public val catalogue: ItemCatalogue, public val pack: SessionPack?) {
    private val packItems = pack?.items

    /** Places in the pack of the items that only it has. */
    private val added: List<Int> = places().filter { catalogue.rowOf(packItems!!.key(it)) == null }

    /** Place in the pack of each row whose embedding comes from there. */
    private val placeOfRow: Map<Int, Int> = places().associateBy { rowOf(packItems!!.key(it))!! }

    /** Rows. */
    public val size: Int get() = catalogue.size + added.size

    /** Rows of the pack's items, in its order: the candidates of the session. */
    public val packRows: List<Int> get() = placeOfRow.keys.toList()

    /** Key of a row. */
    public fun key(row: Int): String =
        if (row < catalogue.size) catalogue.key(row) else packItems!!.key(added[row - catalogue.size])

    /** Title of a row, "" when nobody gave one. */
    public fun title(row: Int): String =
        if (row < catalogue.size) catalogue.title(row) else packItems!!.title(added[row - catalogue.size])

    /** Row of a key, null when neither bundle nor pack has it. */
    public fun rowOf(key: String): Int? {
        catalogue.rowOf(key)?.let { return it }
        val place = packItems?.rowOf(key) ?: return null
        return catalogue.size + added.binarySearch(place)
    }

    /** Whether the embedding of a row comes from the pack. */
    public fun isFromPack(row: Int): Boolean = row in placeOfRow

    /** Rows of a history given by keys, oldest first, and the keys that nobody knows. */
    public fun history(keys: List<String>): KnownHistory =
        KnownHistory(keys.mapNotNull(::rowOf), keys.filter { rowOf(it) == null })

    /** Put the embedding of a row into [destination] from [offset] on; those of the bundle come from [table]. */
    internal fun lookup(table: EmbeddingTable, row: Int, destination: FloatBuffer, offset: Int) {
        val place = if (pack == null) null else placeOfRow[row]
        if (place == null) table.lookup(row, destination, offset) else pack!!.lookup(place, destination, offset)
    }

    private fun places() = 0 until (packItems?.size ?: 0)
}

/** A shopper's history as far as it is known: rows, oldest first, and unknown keys as they were met. */
public data class KnownHistory(val rows: List<Int>, val unknown: List<String>)
