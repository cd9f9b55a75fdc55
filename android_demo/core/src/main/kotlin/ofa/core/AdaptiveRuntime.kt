package ofa.core

import java.io.File

/**
 * The graphs of a bundle on a native runtime.
 *
 * One thread at a time. Whoever loaded it closes it, once; nothing may be called afterwards. It reads and writes the
 * [DeviceTensors] that it was loaded with and allocates nothing per call that it can help. It throws nothing.
 */
public interface AdaptiveRuntime : AutoCloseable {
    /** What it says of itself, for example "LiteRT 2.16.1". */
    public val description: String

    /** Where inputs are read from and outputs written to. */
    public val tensors: DeviceTensors

    /** `history`, `length` to `hidden`, `gates`, `keep_logits` and all thetas. */
    public fun adapt(): Ran

    /** `hidden`, `length`, `theta_index` to `hidden`. */
    public fun block(index: Int): Ran

    /** `hidden`, `candidates` to `scores`. */
    public fun score(): Ran
}

/** What became of one call of a graph. */
public sealed interface Ran {
    /** The outputs are there. */
    public data object Done : Ran

    /** The runtime gave up: [graph] is what was called, [reason] what it said. */
    public data class Failed(val graph: String, val reason: String) : Ran
}

/** Loads graphs on one kind of runtime. */
public interface RuntimeLoader {
    /** The name that manifests give it: `litert` or `executorch`. */
    public val name: String

    /**
     * Load the graphs of a bundle, which is for this runtime.
     *
     * The caller closes what it gets.
     *
     * @param tensors where the runtime will read and write.
     * @param folder a private folder in which it may keep files, such as [Bundle.copyGraphs].
     */
    public fun load(bundle: Bundle, tensors: DeviceTensors, folder: File): Outcome<AdaptiveRuntime>
}
