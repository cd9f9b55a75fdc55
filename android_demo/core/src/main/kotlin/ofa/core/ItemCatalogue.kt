package ofa.core

/** Keys and titles of items, row by row. */
public class ItemCatalogue internal constructor(public val size: Int) {
    /** What the app looks up; unique. */
    public fun key(row: Int): String = TODO()

    /** What the app shows; "" when nobody gave one. */
    public fun title(row: Int): String = TODO()

    /** Row of a key, null when there is no such item. */
    public fun rowOf(key: String): Int? = TODO()
}
