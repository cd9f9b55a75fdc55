package ofa.core

/** What became of something that can fail on a phone without anyone's fault. */
public sealed interface Outcome<out T> {
    /** It worked. */
    public data class Ready<T>(val value: T) : Outcome<T>

    /** It did not; whatever the sentence [reason] quotes, it can be shown. */
    public class Failed(reason: String) : Outcome<Nothing> {
        public val reason: String = shown(reason)
    }
}
