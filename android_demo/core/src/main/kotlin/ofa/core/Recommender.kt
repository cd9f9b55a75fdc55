package ofa.core

/**
 * The loop of a phone: adapt once, run the blocks whose gate is on, score as many candidates as there are.
 *
 * One thread at a time, except for [table], which any thread may set: the next call of [adapt] or [rank] uses it.
 * The runtime is closed by whoever loaded it.
 */
public class Recommender(public val bundle: Bundle, private val runtime: AdaptiveRuntime) {
    /** What items are looked up in; set a smaller one under memory pressure, and adapt again. */
    @Volatile
    public var table: EmbeddingTable = bundle.table

    /** Items of the bundle and of the session. */
    public val items: DeviceItems get() = TODO()

    /** Take the items of [pack] to those of the bundle, null when the session is over; then adapt again. */
    public fun useSession(pack: SessionPack?): Opened<DeviceItems> = TODO()

    /** Adapt to a history of rows, oldest first; the last T count. */
    public fun adapt(history: List<Int>): Outcome<Adaptation> = TODO()

    /** Scores of some rows for the history adapted to last. */
    public fun score(rows: IntArray): Outcome<FloatArray> = TODO()

    /** The [k] best rows for a history, ties by row; the history's own are left out if the manifest says so. */
    public fun rank(history: List<Int>, k: Int): Outcome<Ranking> = TODO()
}

/**
 * What one forward pass made of a history.
 *
 * @property gates 1 where a block is on, `[L]`.
 * @property keepLogits logits of leaving out and of keeping each block, `[L]` pairs.
 * @property blocksRun the blocks that ran, in order.
 * @property thetas generated parameters of each block, `[L][P]`; not to be written to.
 */
public class Adaptation internal constructor(
    public val gates: List<Float>,
    public val keepLogits: List<Pair<Float, Float>>,
    public val blocksRun: List<Int>,
    public val thetas: List<FloatArray>,
) {
    /** Euclidean length of each block's parameters. */
    public val thetaNorms: List<Double> get() = TODO()

    /** How far each block's parameters are from those of another history: the length of the difference. */
    public fun distances(other: Adaptation): List<Double> = TODO()
}

/** The best items for one history, best first. */
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
