package ofa.demo

/**
 * All that the screen shows; it never changes, the next one replaces it.
 *
 * @property runtime the runtime that was chosen, `litert` or `executorch`.
 * @property bundle what is active, null when nothing is.
 * @property history of the shopper, oldest first; only products that the bundle or the session knows.
 * @property answer to that history, null until it was adapted to.
 * @property notice the last thing that happened, null when it needs no words.
 * @property busy whether the worker has something to do.
 */
data class Screen(
    val runtime: String,
    val bundle: BundleLine? = null,
    val history: List<Product> = emptyList(),
    val answer: Answer? = null,
    val memory: Memory? = null,
    val notice: Notice? = null,
    val busy: Boolean = true,
)

/** What is active. */
data class BundleLine(
    val runtime: String,
    val group: String,
    val precision: String,
    val bytes: Long,
    val budgetBytes: Long,
    val products: Int,
    val selfTestSnrDb: Double,
    val minSnrDb: Double,
    val sessionItems: Int,
)

/** A product as it is shown. */
data class Product(val key: String, val title: String)

/**
 * What is read of the item table, and all of it, in bytes and in tiles.
 *
 * @property floorTiles with fewer some products have nothing.
 * @property trimmed whether Android asked for what is missing.
 */
data class Memory(
    val bytes: Long,
    val bytesAtMost: Long,
    val tiles: Int,
    val tilesAtMost: Int,
    val floorTiles: Int,
    val trimmed: Boolean,
)

/** What the network answers to a history. */
data class Answer(
    val blocks: List<Block>,
    val before: List<Place>,
    val after: List<Place>,
    val products: Int,
    val timing: Timing,
)

/**
 * A block of the network.
 *
 * @property margin by how much it is on, negative when it is off.
 * @property theta its generated parameters, `[P]`.
 * @property fromStatic their distance from the static net's.
 * @property fromLast their distance from those of the history before, null when there was none.
 */
class Block(
    val index: Int,
    val on: Boolean,
    val margin: Float,
    val theta: FloatArray,
    val fromStatic: Double,
    val fromLast: Double?,
)

/** One line of a ranking; [climbed] is null in the list before, and for what was not among the first before. */
data class Place(val place: Int, val product: Product, val score: Float, val climbed: Int?)

/** Milliseconds: half and nine tenths of [passes] forward passes took less, and one whole ranking took so long. */
data class Timing(val p50: Double, val p90: Double, val passes: Int, val ranking: Double) {
    companion object {
        /** Quantiles: the value below which that share of all lies. */
        fun of(passes: List<Double>, ranking: Double): Timing {
            val sorted = passes.sorted()
            fun quantile(share: Double) = sorted[(sorted.size * share).toInt()]
            return Timing(quantile(0.5), quantile(0.9), sorted.size, ranking)
        }
    }
}

/** What happened. */
sealed interface Notice {
    /** Whether something did not work. */
    val alarming: Boolean get() = true

    /** Another bundle is active. */
    data class Activated(val bytes: Long, val rolledBack: Boolean) : Notice {
        override val alarming get() = false
    }

    /** A bundle or a pack was refused, and what was active stays. */
    data class Rejected(val entry: String?, val reason: String) : Notice

    /** The current bundle had been damaged; the one before it is active. */
    data class Damaged(val reason: String) : Notice

    /** A session pack is in use, null when the session ended. */
    data class Session(val items: Int?) : Notice {
        override val alarming get() = false
    }

    /** Keys of the history that bundle and session do not know. */
    data class Unknown(val keys: List<String>) : Notice

    /** There is nothing to work with, or it failed at work. */
    data class Failed(val reason: String) : Notice
}
