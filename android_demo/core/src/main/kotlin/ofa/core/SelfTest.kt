package ofa.core

/** The self-test that a bundle carries: the phone runs it before it activates the bundle. */
public object SelfTest {
    /** Compare this phone with the reference. */
    public fun run(bundle: Bundle, runtime: AdaptiveRuntime): SelfTested = TODO()
}

/** What the self-test found. */
public sealed interface SelfTested {
    /** The bundle may be used; [worstSnrDb] of all cases, infinite where the scores are equal. */
    public data class Passed(val worstSnrDb: Double) : SelfTested

    /** It must not be used; [reason] is a sentence. */
    public data class Failed(val reason: String) : SelfTested
}
