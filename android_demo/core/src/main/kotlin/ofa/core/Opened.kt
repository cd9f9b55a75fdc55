package ofa.core

/** What became of a file that was to be read. */
public sealed interface Opened<out T> {
    /** Everything in it was checked. */
    public data class Ready<T>(val value: T) : Opened<T>

    /**
     * It must not be used.
     *
     * @property code for programs; the toolkit has the same ones.
     * @property entry the entry at fault, null when it is the file as a whole.
     * @property reason a sentence that can be shown: of bounded length, without control characters.
     */
    public data class Rejected(val code: RejectionCode, val entry: String?, val reason: String) : Opened<Nothing> {
        /** Entry and reason as one line. */
        public val sentence: String get() = if (entry == null) reason else "$entry: $reason"
    }
}
