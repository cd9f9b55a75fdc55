package ofa.core

/** What became of something that can fail on a phone without anyone's fault. */
public sealed interface Outcome<out T> {
    /** It worked. */
    public data class Ready<T>(val value: T) : Outcome<T>

    /** It did not; [reason] is a sentence that can be shown. */
    public data class Failed(val reason: String) : Outcome<Nothing>
}
