package ofa.core

import ofa.core.Clock.Part
import java.nio.Buffer
import java.nio.FloatBuffer

/**
 * The loop of a phone: adapt once, run the blocks whose gate is on, score as many candidates as there are.
 *
 * One thread at a time, except for [table], which any thread may set. The runtime was loaded for this bundle, and is
 * closed by whoever loaded it, after the last call.
 */
public class Recommender(public val bundle: Bundle, private val runtime: AdaptiveRuntime) {
    private val tensors = runtime.tensors
    private val shapes = bundle.manifest.shapes
    private val clock = Clock()
    private var isAdapted = false

    init {
        require(tensors.shapes == shapes) { "The runtime was loaded for another bundle." }
    }

    /** What items are looked up in: under memory pressure set one with fewer tiles. It counts from the next call on. */
    @Volatile
    public var table: EmbeddingTable = bundle.table

    /** Items of the bundle and of the session. */
    @Volatile
    public var items: DeviceItems = DeviceItems(bundle.items, pack = null)
        private set

    /** Take the items of [pack] to those of the bundle, null when the session is over; then adapt again. */
    public fun useSession(pack: SessionPack?): Opened<DeviceItems> {
        pack?.problemWith(bundle.manifest)?.let { return it }
        items = DeviceItems(bundle.items, pack)
        isAdapted = false
        return Opened.Ready(items)
    }

    /** Adapt to a history of rows, oldest first, of which the last T count. */
    public fun adapt(history: List<Int>): Outcome<Adaptation> = adapt(history, table)

    /** Adapt to a history of any embeddings, `[n][d]`, oldest first, of which the last T count. */
    public fun adaptToEmbeddings(history: List<FloatArray>): Outcome<Adaptation> {
        val recent = history.takeLast(shapes.historyLength)
        return adapt(recent.size) { place, offset -> tensors.history.putAll(recent[place], offset) }
    }

    /** Scores of some rows for the history adapted to last. */
    public fun score(rows: IntArray): Outcome<FloatArray> = score(rows, table)

    /** Scores of any embeddings, `[n][d]`, for the history adapted to last. */
    public fun scoreEmbeddings(candidates: List<FloatArray>): Outcome<FloatArray> =
        score(candidates.size) { place, offset -> tensors.candidates.putAll(candidates[place], offset) }

    /** The [k] best rows for a history; the history's own are left out if the manifest says so. */
    public fun rank(history: List<Int>, k: Int): Outcome<Ranking> {
        require(k > 0) { "A ranking needs k of at least 1, not $k." }
        clock.take()
        val table = table
        val adaptation = when (val adapted = adapt(history, table)) {
            is Outcome.Ready -> adapted.value
            is Outcome.Failed -> return adapted
        }
        val rows = candidates(history)
        val scores = when (val scored = score(rows, table)) {
            is Outcome.Ready -> scored.value
            is Outcome.Failed -> return scored
        }
        val best = clock.during(Part.SORT) { best(rows, scores, k) }
        return Outcome.Ready(Ranking(best, adaptation, clock.take()))
    }

    /** The rows that may be ranked, ascending. */
    private fun candidates(history: List<Int>): IntArray {
        val isLeftOut = bundle.manifest.ranking.excludeHistory
        val left = if (isLeftOut) history.takeLast(shapes.historyLength).toSet() else emptySet()
        val rows = IntArray(items.size - left.size)
        var next = 0
        for (row in 0 until items.size) if (row !in left) rows[next++] = row
        return rows
    }

    private fun adapt(history: List<Int>, table: EmbeddingTable): Outcome<Adaptation> {
        val recent = history.takeLast(shapes.historyLength)
        recent.find { it !in 0 until items.size }?.let {
            return Outcome.Failed("The history holds row $it, which is not in 0..${items.size - 1}.")
        }
        return adapt(recent.size) { place, offset -> items.lookup(table, recent[place], tensors.history, offset) }
    }

    private fun score(rows: IntArray, table: EmbeddingTable): Outcome<FloatArray> =
        score(rows.size) { place, offset -> items.lookup(table, rows[place], tensors.candidates, offset) }

    private fun adapt(length: Int, put: (place: Int, offset: Int) -> Unit): Outcome<Adaptation> {
        if (length == 0) return Outcome.Failed("The history is empty; adapting needs at least one item.")
        isAdapted = false
        clock.during(Part.LOOKUP) {
            val padding = (shapes.historyLength - length) * shapes.width
            for (at in 0 until padding) tensors.history.put(at, 0f)
            for (place in 0 until length) put(place, padding + place * shapes.width)
            tensors.length.put(0, length)
        }
        problem(clock.during(Part.ADAPT) { runtime.adapt() }, "adapt", outputsOfAdapt())?.let { return it }
        val blocks = (0 until shapes.depth).filter { tensors.gates.get(it) > 0.5f }
        for (block in blocks) {
            val ran = clock.during(Part.BLOCKS) { runtime.block(block) }
            problem(ran, "block_$block", listOf("hidden" to tensors.hidden))?.let { return it }
        }
        isAdapted = true
        return Outcome.Ready(adaptation(blocks))
    }

    private fun outputsOfAdapt(): List<Pair<String, FloatBuffer>> =
        listOf("hidden" to tensors.hidden, "gates" to tensors.gates, "keep_logits" to tensors.keepLogits) +
            tensors.thetas.mapIndexed { block, theta -> "theta_$block" to theta }

    private fun adaptation(blocks: List<Int>) =
        Adaptation(
            gates = tensors.gates.copy().asList(),
            keepLogits = List(shapes.depth) { tensors.keepLogits.get(2 * it) to tensors.keepLogits.get(2 * it + 1) },
            blocksRun = blocks,
            thetas = tensors.thetas.map { it.copy() },
        )

    private fun score(count: Int, put: (place: Int, offset: Int) -> Unit): Outcome<FloatArray> {
        if (!isAdapted) return Outcome.Failed("There is no history to score for yet; adapt first.")
        val scores = FloatArray(count)
        for (start in 0 until count step shapes.candidates) {
            val size = minOf(shapes.candidates, count - start)
            clock.during(Part.LOOKUP) {
                for (place in 0 until size) put(start + place, place * shapes.width)
                for (at in size * shapes.width until shapes.candidates * shapes.width) tensors.candidates.put(at, 0f)
            }
            val ran = clock.during(Part.SCORE) { runtime.score() }
            problem(ran, "score", listOf("scores" to tensors.scores))?.let { return it }
            for (place in 0 until size) scores[start + place] = tensors.scores.get(place)
        }
        return Outcome.Ready(scores)
    }

    /** Why the outputs of a graph cannot be used; null if they can. */
    private fun problem(ran: Ran, graph: String, outputs: List<Pair<String, FloatBuffer>>): Outcome.Failed? {
        if (ran is Ran.Failed) return Outcome.Failed("Graph ${ran.graph} failed: ${shown(ran.reason)}")
        val wrong = outputs.find { (_, values) -> !values.isFinite() } ?: return null
        return Outcome.Failed("Graph $graph returned values in ${wrong.first} that are not finite.")
    }
}

private fun FloatBuffer.isFinite() = (0 until capacity()).all { get(it).isFinite() }

private fun FloatBuffer.copy() = FloatArray(capacity()).also { fresh().get(it) }

private fun FloatBuffer.putAll(values: FloatArray, offset: Int) {
    val view = fresh()
    view.moveTo(offset)
    view.put(values)
}

/** A view from the first value to the last. */
private fun FloatBuffer.fresh(): FloatBuffer = duplicate().also { it.restart() }

// Typed as Buffer: what FloatBuffer's own methods return differs between Java 8, on which old phones are built, and
// later ones.
private fun Buffer.moveTo(place: Int) {
    position(place)
}

private fun Buffer.restart() {
    clear()
}
