package ofa.demo

import android.content.ContentResolver
import android.content.Context
import android.net.Uri
import android.os.Handler
import android.os.Looper
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicReference
import ofa.core.Outcome

/**
 * What happens behind the screen. It outlives the activity when the phone is turned.
 *
 * Its functions are called on the main thread and return at once; one worker thread, which owns everything native, does
 * the work one thing after the other, and [listener] hears of it on the main thread.
 *
 * @param wish how the app was left, if it was.
 */
class Demo(context: Context, wish: Wish) {
    private val files: ContentResolver = context.contentResolver
    private val shipped = ShippedAssets(context.assets)
    private val worker = Executors.newSingleThreadExecutor { Thread(it, "adapting") }
    private val main = Handler(Looper.getMainLooper())

    // The worker's own.
    private val engine = Engine(
        home = File(context.filesDir, "bundles"),
        scratch = context.cacheDir,
        loaders = listOf(LiteRtLoader(), ExecuTorchLoader()),
        shipped = shipped,
    )
    private var state = Screen(wish.runtime)
    private var keys = wish.history
    private var adapted = wish.adapted

    // The main thread's own.
    private var waiting = 0
    private val wished = AtomicReference<Tiles?>()

    /** What is to be seen now. */
    var screen: Screen = state
        private set

    /** Hears of every new screen. */
    var listener: ((Screen) -> Unit)? = null

    /** What the app can offer without a file. */
    val shippedNames: List<String> get() = shipped.names()

    init {
        work {
            val notice = engine.start(wish.runtime)
            wish.tiles?.let(engine::keepTiles)
            looked(notice)
        }
    }

    /** Changes to the other runtime, with the bundle that was current there. */
    fun use(runtime: String) = work {
        val tiles = state.memory
        val notice = engine.use(runtime)
        // As much memory as before, as far as the other bundle has it.
        tiles?.takeIf { it.tiles < it.tilesAtMost }?.let { engine.keepTiles(it.tiles) }
        looked(notice)
    }

    /** Takes another history; it is not adapted to yet. */
    fun choose(history: List<String>) = edit { history }

    /** Adds a product at the end. */
    fun add(key: String) = edit { keys + key }

    /** Takes a product of the shown history out. */
    fun remove(place: Int) = edit { state.history.map(Product::key).filterIndexed { index, _ -> index != place } }

    /** Adapts to the history in one pass, and ranks. */
    fun adapt() = work {
        adapted = true
        looked(notice = null)
    }

    /** Reads only so many tiles of the item table from now on; of several wishes in a row the last one counts. */
    fun keepTiles(count: Int, trimmed: Boolean = false) {
        if (wished.getAndSet(Tiles(count, trimmed)) != null) return
        work {
            val tiles = wished.getAndSet(null) ?: return@work
            engine.keepTiles(tiles.count)
            state = state.copy(memory = engine.memory(tiles.trimmed))
            looked(state.notice, state.answer?.timing)
        }
    }

    /** Android is short of memory: see [tilesAfterTrim]. */
    fun trim(level: Int) {
        val memory = screen.memory ?: return
        val left = tilesAfterTrim(level, memory.tilesAtMost, memory.floorTiles)
        if (left < memory.tiles) keepTiles(left, trimmed = true)
    }

    /** Opens a bundle or a session pack that the document picker gave. */
    fun open(document: Uri) = opening { files.openInputStream(document) ?: throw FileNotFoundException() }

    /** Opens a bundle that the app carries. */
    fun openShipped(name: String) = opening { shipped.open(name) }

    /** Goes back to the bundle that was active before. */
    fun rollBack() = work { looked(engine.rollBack()) }

    /** Forgets the session pack. */
    fun endSession() = work { looked(engine.endSession()) }

    /** Looks for products; [found] hears of them on the main thread. */
    fun search(text: String, found: (List<Product>) -> Unit) = worker.execute {
        val products = engine.search(text)
        main.post { found(products) }
    }

    /** Ends it; the worker first finishes what it has begun. */
    fun close() {
        listener = null
        worker.execute(engine::close)
        worker.shutdown()
    }

    private fun edit(change: () -> List<String>) = work {
        keys = change()
        adapted = false
        looked(notice = null)
    }

    private fun opening(stream: () -> InputStream) = work {
        val notice = try {
            stream().use(engine::open)
        } catch (failed: IOException) {
            Notice.Rejected(null, "The file could not be read: ${said(failed)}")
        } catch (failed: SecurityException) {
            Notice.Rejected(null, "The file could not be read: ${said(failed)}")
        }
        looked(notice)
    }

    /** Looks at the engine again: bundle, memory, history, and the answer if there is to be one. */
    private fun looked(notice: Notice?, timing: Timing? = null) {
        val (history, unknown) = engine.known(keys)
        val answer = if (adapted && history.isNotEmpty()) engine.answer(keys, timing) else null
        state = state.copy(
            runtime = engine.runtime,
            bundle = engine.bundleLine(),
            history = history,
            answer = (answer as? Outcome.Ready)?.value,
            memory = engine.memory(trimmed = state.memory?.trimmed ?: false),
            notice = (answer as? Outcome.Failed)?.let { Notice.Failed(it.reason) }
                ?: notice
                ?: unknown.takeIf { it.isNotEmpty() }?.let(Notice::Unknown),
        )
    }

    private fun work(job: () -> Unit) {
        waiting += 1
        show(screen.copy(busy = true))
        worker.execute {
            job()
            val made = state
            main.post {
                waiting -= 1
                show(made.copy(busy = waiting > 0))
            }
        }
    }

    private fun show(next: Screen) {
        screen = next
        listener?.invoke(next)
    }

    private class Tiles(val count: Int, val trimmed: Boolean)
}

/** How the app is to start: what the user had chosen before Android ended it. */
data class Wish(
    val runtime: String,
    val history: List<String>,
    val tiles: Int? = null,
    val adapted: Boolean = false,
)
