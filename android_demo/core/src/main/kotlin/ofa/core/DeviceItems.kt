package ofa.core

/**
 * The items that can be ranked: rows 0..V-1 of the bundle, then the items that only the session pack has.
 *
 * An item of the pack that the bundle has too keeps its row and takes its embedding from the pack.
 */
public class DeviceItems(public val catalogue: ItemCatalogue, public val pack: SessionPack? = null) {
    /** Rows. */
    public val size: Int get() = TODO()

    /** Rows of the pack's items, in its order: the candidates of the session. */
    public val packRows: IntArray get() = TODO()

    /** Key of a row. */
    public fun key(row: Int): String = TODO()

    /** Title of a row, "" when nobody gave one. */
    public fun title(row: Int): String = TODO()

    /** Row of a key, null when neither bundle nor pack has it. */
    public fun rowOf(key: String): Int? = TODO()

    /** Rows of a history given by keys, oldest first, and the keys that nobody knows. */
    public fun history(keys: List<String>): KnownHistory = TODO()
}

/** A shopper's history as far as it is known: rows, oldest first, and unknown keys as they were met. */
public data class KnownHistory(val rows: List<Int>, val unknown: List<String>)
