package ofa.demo

import java.io.BufferedInputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import ofa.core.Adaptation
import ofa.core.Bundle
import ofa.core.BundleStore
import ofa.core.Current
import ofa.core.Imported
import ofa.core.Opened
import ofa.core.Outcome
import ofa.core.RankedItem
import ofa.core.Ranking
import ofa.core.RuntimeLoader
import ofa.core.SessionPack

/**
 * Bundles, the runtime and what they answer: everything of the app that knows no Android.
 *
 * Every function may take its time and is called from one thread, which owns the native objects.
 *
 * @param home private folder: a store of bundles for each runtime.
 * @param scratch private folder for what is not kept.
 * @param shipped the bundles inside the app.
 */
class Engine(
    private val home: File,
    private val scratch: File,
    private val loaders: List<RuntimeLoader>,
    private val shipped: Shipped,
) : AutoCloseable {
    private var loader = loaders.first()
    private var live: LiveBundle? = null
    private var pack: SessionPack? = null
    private val steps = Steps()

    /** Name of the runtime in use. */
    val runtime: String get() = loader.name

    /** Starts with a runtime; if nothing runs on it, for example because the app was built without it, with another. */
    fun start(wished: String): Notice? {
        val notice = use(wished)
        if (live != null) return notice
        for (other in loaders.filter { it.name != wished }) {
            use(other.name)
            if (live != null) return null
        }
        loader = loaders.first { it.name == wished }
        return notice
    }

    /** Activates the current bundle of a runtime, or the first one that the app carries for it. */
    fun use(runtime: String): Notice? {
        close()
        loader = loaders.first { it.name == runtime }
        return when (val current = store().current()) {
            is Current.Ready -> switch(current.bundle, current.folder, current.damaged?.let(Notice::Damaged))
            is Current.None -> useShipped() ?: current.reason?.let(Notice::Damaged)
        }
    }

    /**
     * Opens a bundle, which becomes the current one, a delta, which makes another bundle of the current one, or a
     * session pack. What was active stays when it is refused.
     */
    fun open(stream: InputStream): Notice = BufferedInputStream(stream).use { file ->
        val first = firstEntry(file)
        when {
            first.startsWith("session.json") -> openPack(file)
            first.startsWith("delta.json") -> imported(store().importDelta(file), rolledBack = false)
            else -> imported(store().import(file), rolledBack = false)
        }
    }

    /** Opens one of the bundles that the app carries. */
    fun openShipped(name: String): Notice = shipped.open(name).use { imported(store().import(it), rolledBack = false) }

    /** Makes the bundle before the current one the current one. */
    fun rollBack(): Notice = imported(store().rollBack(), rolledBack = true)

    /** Forgets the session pack. */
    fun endSession(): Notice {
        pack = null
        live?.run { listOf(adapting, static).forEach { it.useSession(null) } }
        return Notice.Session(items = null)
    }

    /** Reads only so many tiles of the item table from now on. */
    fun keepTiles(count: Int) {
        live?.run {
            val kept = bundle.table.withTiles(count.coerceIn(bundle.table.floorTiles, bundle.table.availableTiles))
            listOf(adapting, static).forEach { it.table = kept }
        }
    }

    /** What is active, null when nothing is. */
    fun bundleLine(): BundleLine? = live?.run {
        val manifest = bundle.manifest
        BundleLine(
            runtime = runtimeDescription,
            group = manifest.group,
            precision = manifest.precision,
            bytes = bundle.bytes,
            budgetBytes = manifest.budgetBytes,
            products = adapting.items.size,
            selfTestSnrDb = selfTestSnrDb,
            minSnrDb = manifest.selfTest.minSnrDb,
            sessionItems = pack?.items?.size ?: 0,
        )
    }

    /** What the item table takes. */
    fun memory(trimmed: Boolean): Memory? = live?.run {
        val (kept, all) = adapting.table to bundle.table
        Memory(
            bytes = kept.bytesUsed,
            bytesAtMost = all.bytesUsed,
            tiles = kept.keptTiles,
            tilesAtMost = all.availableTiles,
            floorTiles = all.floorTiles,
            trimmed = trimmed && kept.keptTiles < all.availableTiles,
        )
    }

    /** The products of a history that are known, and the keys that are not. */
    fun known(keys: List<String>): Pair<List<Product>, List<String>> {
        val items = live?.adapting?.items ?: return emptyList<Product>() to emptyList()
        val known = items.history(keys)
        return known.rows.map(::product) to known.unknown
    }

    /** The first products whose key and title contain every word of a text. */
    fun search(text: String): List<Product> {
        val items = live?.adapting?.items ?: return emptyList()
        val words = text.split(" ").filter(String::isNotEmpty)
        return (0 until items.size).asSequence().map(::product)
            .filter { product -> words.all { "${product.key} ${product.title}".contains(it, ignoreCase = true) } }
            .take(SEARCH_RESULTS).toList()
    }

    /**
     * Adapts to a history and ranks before and after.
     *
     * @param timing what was measured for this history, null to measure now: [TIMED_PASSES] passes.
     */
    fun answer(keys: List<String>, timing: Timing?): Outcome<Answer> {
        val live = live ?: return Outcome.Failed("There is no bundle to adapt with.")
        val history = live.adapting.items.history(keys).rows
        if (history.isEmpty()) return Outcome.Failed("Adapting needs at least one product; add one.")
        // The static net first: it leaves its hidden state in the shared buffers.
        return live.static.rank(history, LOOKED_AT_BEFORE).then { before ->
            live.adapting.rank(history, SHOWN).then { after ->
                timed(live, history, timing, after.milliseconds.total).then { timed ->
                    Outcome.Ready(answer(before, after, keys, timed))
                }
            }
        }
    }

    override fun close() {
        live?.close()
        live = null
        steps.forget()
    }

    private fun answer(before: Ranking, after: Ranking, keys: List<String>, timing: Timing): Answer {
        val adaptation = after.adaptation
        val fromLast = steps.distances(keys, adaptation)
        val placeBefore = before.items.withIndex().associate { (index, item) -> item.row to index }
        return Answer(
            blocks = adaptation.gates.indices.map { block ->
                val (leave, keep) = adaptation.keepLogits[block]
                Block(
                    index = block,
                    on = block in adaptation.blocksRun,
                    margin = keep - leave,
                    theta = adaptation.thetas[block],
                    fromStatic = adaptation.thetaNorms[block],
                    fromLast = fromLast?.get(block),
                )
            },
            before = places(before.items.take(SHOWN)) { null },
            after = places(after.items, placeBefore::get),
            products = live?.adapting?.items?.size ?: 0,
            timing = timing,
        )
    }

    private fun places(items: List<RankedItem>, placeBefore: (Int) -> Int?) = items.mapIndexed { index, item ->
        Place(index + 1, product(item.row), item.score, placeBefore(item.row)?.let { it - index })
    }

    private fun timed(live: LiveBundle, history: List<Int>, known: Timing?, ranking: Double): Outcome<Timing> {
        if (known != null) return Outcome.Ready(known)
        val passes = List(TIMED_PASSES) {
            val start = System.nanoTime()
            val adapted = live.adapting.adapt(history)
            if (adapted is Outcome.Failed) return adapted
            (System.nanoTime() - start) / 1e6
        }
        return Outcome.Ready(Timing.of(passes, ranking))
    }

    private fun product(row: Int): Product {
        val items = live!!.adapting.items
        return Product(items.key(row), items.title(row))
    }

    private fun store() = BundleStore(File(home, loader.name), MAX_BUNDLE_BYTES) { bundle, folder ->
        when (val loaded = LiveBundle.load(loader, bundle, folder)) {
            is Outcome.Failed -> loaded.reason
            is Outcome.Ready -> null.also { loaded.value.close() }
        }
    }

    /** Null when one of them is active now. */
    private fun useShipped(): Notice? {
        var refused = Notice.Failed("The app carries no bundle for ${titleOf(loader.name)}. Open one from a file.")
        for (name in shipped.names()) {
            val found = openShipped(name)
            if (found is Notice.Activated) return null
            when {
                found is Notice.Failed -> refused = found
                found is Notice.Rejected && LiveBundle.isOfOtherRuntime(found.reason) -> Unit
                found is Notice.Rejected -> refused = Notice.Failed(found.reason)
            }
        }
        return refused
    }

    private fun imported(imported: Imported, rolledBack: Boolean): Notice = when (imported) {
        is Imported.Rejected -> Notice.Rejected(imported.entry, imported.reason)
        is Imported.Busy -> Notice.Failed("Another file is being opened; try again when that is done.")
        is Imported.Activated -> {
            val done = Notice.Activated(imported.bundle.bytes, rolledBack)
            switch(imported.bundle, imported.folder, done) ?: done
        }
    }

    /** Loads the new bundle before the old one is let go. */
    private fun switch(bundle: Bundle, folder: File, done: Notice?): Notice? =
        when (val loaded = LiveBundle.load(loader, bundle, folder)) {
            is Outcome.Failed -> Notice.Failed(loaded.reason)
            is Outcome.Ready -> {
                close()
                live = loaded.value
                pack?.let(::keepPack) ?: done
            }
        }

    /** Takes the session pack over to another bundle; a pack that does not fit it is gone. */
    private fun keepPack(held: SessionPack): Notice? {
        val used = usePack(held)
        if (used is Notice.Rejected) pack = null
        return used as? Notice.Rejected
    }

    private fun openPack(file: InputStream): Notice = try {
        val copy = File(scratch, "session.ofas").apply { delete() }
        copy.outputStream().use(file::copyTo)
        when (val opened = SessionPack.open(copy)) {
            is Opened.Rejected -> Notice.Rejected(opened.entry, opened.reason)
            is Opened.Ready -> usePack(opened.value)
        }
    } catch (failed: IOException) {
        Notice.Rejected(null, "The file could not be copied: ${said(failed)}")
    }

    private fun usePack(chosen: SessionPack): Notice {
        val live = live ?: return Notice.Failed("A session pack needs a bundle; there is none.")
        for (recommender in listOf(live.adapting, live.static)) {
            val used = recommender.useSession(chosen)
            if (used is Opened.Rejected) return Notice.Rejected(used.entry, used.reason)
        }
        pack = chosen
        return Notice.Session(chosen.items.size)
    }

    companion object {
        /** Places of both lists that are shown. */
        const val SHOWN = 10

        /** Places of the list before in which those of the list after are looked for. */
        const val LOOKED_AT_BEFORE = 100

        /** Passes that are timed when a history is adapted to. */
        const val TIMED_PASSES = 20

        private const val SEARCH_RESULTS = 50
        private const val MAX_BUNDLE_BYTES = 256L shl 20
        private const val NAME_OFFSET = 30
        private const val NAME_BYTES = 12

        /** How the name of an archive's first entry begins: it tells what kind of file it is. */
        private fun firstEntry(file: InputStream): String {
            val head = ByteArray(NAME_OFFSET + NAME_BYTES)
            file.mark(head.size)
            var got = 0
            while (got < head.size) got += file.read(head, got, head.size - got).takeIf { it > 0 } ?: break
            file.reset()
            return String(head, NAME_OFFSET, NAME_BYTES, Charsets.US_ASCII)
        }
    }
}

/** Files inside the app. */
interface Shipped {
    /** Names of bundles, in the order in which they are offered. */
    fun names(): List<String>

    /** Content of one. */
    fun open(name: String): InputStream
}

/** The adaptation before the current one: how far the parameters moved is told from history to history. */
private class Steps {
    private var keys: List<String>? = null
    private var current: Adaptation? = null
    private var before: Adaptation? = null

    fun distances(keys: List<String>, adaptation: Adaptation): List<Double>? {
        if (keys != this.keys) before = current
        this.keys = keys
        current = adaptation
        return before?.let(adaptation::movedFrom)
    }

    fun forget() {
        keys = null
        current = null
        before = null
    }
}

private fun <A, B> Outcome<A>.then(next: (A) -> Outcome<B>): Outcome<B> = when (this) {
    is Outcome.Ready -> next(value)
    is Outcome.Failed -> this
}
