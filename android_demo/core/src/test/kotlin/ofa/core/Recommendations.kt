package ofa.core

import java.io.File
import java.io.InputStream

// The example of README.md begins here.

/** Everything between a screen and its bundles. One background thread for all of it, but `keepBytes`. */
class Recommendations(folder: File, loaders: List<RuntimeLoader>) : AutoCloseable {
    private val runtimes = Runtimes(loaders)
    private val store = BundleStore(folder, maxBytes = 50_000_000, trial = runtimes)
    private var runtime: AdaptiveRuntime? = null

    @Volatile
    private var recommender: Recommender? = null

    /** Load the current bundle: null, or why that is not possible. */
    fun open(): String? {
        close()
        val current = when (val held = store.current()) {
            is Current.Ready -> held
            is Current.None -> return held.reason ?: "There is no bundle yet."
        }
        when (val loaded = runtimes.load(current.bundle, current.folder)) {
            is Outcome.Failed -> return loaded.reason
            is Outcome.Ready -> runtime = loaded.value.also { recommender = Recommender(current.bundle, it) }
        }
        return current.damaged
    }

    /** Take a new bundle into use: null, or why the old one stays. */
    fun import(stream: InputStream): String? =
        when (val imported = store.import(stream)) {
            is Imported.Activated -> open()
            is Imported.Rejected -> imported.reason
            is Imported.Busy -> "Another import is running."
        }

    /** The ten best items for a history, oldest first. */
    fun rank(keys: List<String>): Outcome<Ranking>? = recommender?.run { rank(items.history(keys).rows, k = 10) }

    /** Memory is short: look no further than so many bytes into the embeddings. Any thread, such as the main one. */
    fun keepBytes(bytes: Long) {
        recommender?.run { table = table.withTiles(maxOf(table.floorTiles, table.tilesWithin(bytes))) }
    }

    override fun close() {
        recommender = null
        runtime?.close()
        runtime = null
    }
}
