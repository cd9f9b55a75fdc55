package ofa.core

import java.io.File
import java.io.IOException
import java.io.InputStream

/**
 * The bundles of an app in a private folder: a current one and the one before it.
 *
 * An import copies, verifies and tries a bundle in a folder of its own; then one rename makes it the current one.
 * Whatever happens before that, the current bundle stays; what an import left behind is swept by the next one.
 * Every method may be called from any thread and takes its time: not the main one. One store to a folder.
 *
 * @param folder private to the app; made when it is missing.
 * @param maxBytes the most that a bundle may have.
 * @param trial the last word before a bundle is activated: the self-test on this phone's runtime ([Runtimes]).
 */
public class BundleStore internal constructor(
    private val folder: File,
    private val maxBytes: Long,
    private val trial: Trial,
    private val freeBytes: () -> Long,
    private val after: (Step) -> Unit,
) {
    public constructor(folder: File, maxBytes: Long, trial: Trial) :
        this(folder, maxBytes, trial, freeBytes = { folder.usableSpace }, after = {})

    /** Tries a bundle on this phone. */
    public fun interface Trial {
        /** Why the bundle must not be used, as a sentence, or null; [folder] stays with it if it is activated. */
        public fun problem(bundle: Bundle, folder: File): String?
    }

    /** The steps of an import, for tests that end it after each. */
    internal enum class Step { COPIED, VERIFIED, TRIED, MOVED, NOTED, SWITCHED }

    private val pointer = StorePointer(folder)
    private val lock = StoreLock(File(folder, "lock"))

    /** The current bundle, checked again; the one before it if the current one was damaged on the phone. */
    public fun current(): Current {
        val slots = pointer.read() ?: return Current.None(null)
        val current = open(slots.current)
        if (current is Opened.Ready) return Current.Ready(current.value, folderOf(slots.current), damaged = null)
        // An import that ended in between may have swept what was to be opened.
        if (pointer.read() != slots) return current()
        val damaged = (current as Opened.Rejected).sentence
        val previous = slots.previous?.let(::open)
        if (previous !is Opened.Ready) return Current.None(damaged)
        return Current.Ready(previous.value, folderOf(slots.previous), damaged)
    }

    /**
     * Import a bundle.
     *
     * @param stream the file, to its end; closed by whoever opened it.
     * @param expectedBytes its size if that is known: then a full phone is noticed before anything is copied.
     */
    public fun import(stream: InputStream, expectedBytes: Long? = null): Imported =
        importing { incoming -> copy(stream, expectedBytes, File(incoming, BUNDLE)) }

    /** Import the bundle that a delta makes of the current one; parameters as for [import]. */
    public fun importDelta(stream: InputStream, expectedBytes: Long? = null): Imported =
        importing { incoming ->
            val slots = pointer.read()
                ?: refuse(RejectionCode.NO_BUNDLE, "there is no bundle that a delta could be applied to.")
            val file = File(incoming, DELTA)
            copy(stream, expectedBytes, file)
            val delta = Delta.open(file).orRefuse()
            demand(delta.resultBytes <= maxBytes, RejectionCode.TOO_LARGE) { tooLarge(delta.resultBytes) }
            demand(delta.resultBytes <= freeBytes(), RejectionCode.NO_SPACE) { noSpace(delta.resultBytes) }
            delta.apply(File(folderOf(slots.current), BUNDLE), File(incoming, BUNDLE)).orRefuse()
            file.delete()
        }

    /** Make the bundle before the current one the current one again, if it still passes its trial. */
    public fun rollBack(): Imported =
        locked {
            val slots = pointer.read() ?: refuse(RejectionCode.NO_BUNDLE, "there is no bundle yet.")
            val previous = slots.previous
                ?: refuse(RejectionCode.NO_BUNDLE, "there is no bundle before this one.")
            activate(previous, slots)
        }

    private fun importing(fetch: (incoming: File) -> Unit): Imported =
        locked {
            val slots = pointer.read()
            sweep(slots)
            val incoming = File(folder, INCOMING)
            demand(incoming.mkdirs(), RejectionCode.STORE) { "the folder for it cannot be made." }
            try {
                fetch(incoming)
                after(Step.COPIED)
                accept(incoming, slots)
            } catch (refused: Refused) {
                incoming.deleteRecursively()
                throw refused
            }
        }

    private fun accept(incoming: File, slots: StorePointer.Slots?): Imported.Activated {
        val file = File(incoming, BUNDLE)
        val bundle = Bundle.open(file).orRefuse()
        after(Step.VERIFIED)
        val slot = mapped(file).sha256()
        val held = listOfNotNull(slots?.current, slots?.previous).filter { open(it) is Opened.Ready }
        if (slots != null && slot in held) {
            incoming.deleteRecursively()
            return activate(slot, slots)
        }
        trial.problem(bundle, incoming)?.let { refuse(RejectionCode.TRIAL, it) }
        after(Step.TRIED)
        sync(incoming)
        // Where the bundle was damaged on the phone, this one takes its place.
        folderOf(slot).deleteRecursively()
        demand(incoming.renameTo(folderOf(slot)), RejectionCode.STORE) { "its folder cannot be given its name." }
        sync(folder)
        after(Step.MOVED)
        switchTo(StorePointer.Slots(slot, previous = held.firstOrNull()))
        return Imported.Activated(bundle, folderOf(slot))
    }

    /** Make a bundle that the store has, the current or the previous one, the current one. */
    private fun activate(slot: String, slots: StorePointer.Slots): Imported.Activated {
        val bundle = open(slot).orRefuse()
        trial.problem(bundle, folderOf(slot))?.let { refuse(RejectionCode.TRIAL, it) }
        if (slot != slots.current) switchTo(StorePointer.Slots(slot, previous = slots.current))
        return Imported.Activated(bundle, folderOf(slot))
    }

    private fun switchTo(slots: StorePointer.Slots) {
        pointer.write(slots, onNoted = { after(Step.NOTED) })
        after(Step.SWITCHED)
        sweep(slots)
    }

    private fun copy(stream: InputStream, expectedBytes: Long?, target: File) {
        val expected = expectedBytes ?: 0
        demand(expected <= maxBytes, RejectionCode.TOO_LARGE) { tooLarge(expected) }
        demand(expected <= freeBytes(), RejectionCode.NO_SPACE) { noSpace(expected) }
        when (val copied = copyBounded(stream, target, maxBytes)) {
            is Copied.Done -> Unit
            is Copied.TooLarge -> refuse(RejectionCode.TOO_LARGE, tooLarge(maxBytes + 1))
            is Copied.Unreadable -> refuse(
                RejectionCode.UNREADABLE,
                "it could not be read to its end: ${copied.reason}.",
            )
            is Copied.Unwritable -> {
                demand(freeBytes() >= SPARE_BYTES, RejectionCode.NO_SPACE) { noSpace(copied.bytes) }
                refuse(RejectionCode.STORE, "it cannot be copied: ${copied.reason}.")
            }
        }
    }

    private fun tooLarge(bytes: Long) =
        "it has ${grouped(bytes)} bytes or more; this app takes bundles of ${grouped(maxBytes)} at most."

    private fun noSpace(bytes: Long) =
        "there is no space for it on the phone: ${grouped(bytes)} bytes or more are needed, " +
            "${grouped(freeBytes())} are free."

    private fun locked(work: () -> Imported): Imported {
        folder.mkdirs()
        return try {
            lock.holding(work) ?: Imported.Busy
        } catch (refused: Refused) {
            Imported.Rejected(refused.code, refused.entry?.let(::shown), shown(refused.reason))
        } catch (error: IOException) {
            val reason = "the store of bundles cannot be written: ${error.message}."
            Imported.Rejected(RejectionCode.STORE, null, shown(reason))
        }
    }

    /** Remove what belongs to neither bundle: what an import that was cut off left, and bundles before the previous. */
    private fun sweep(slots: StorePointer.Slots?) {
        val kept = setOf(slots?.current, slots?.previous)
        folder.listFiles().orEmpty().filter { it.isDirectory && it.name !in kept }.forEach { it.deleteRecursively() }
    }

    private fun open(slot: String) = Bundle.open(File(folderOf(slot), BUNDLE))

    private fun folderOf(slot: String) = File(folder, slot)

    private companion object {
        const val BUNDLE = "bundle.ofab"
        const val DELTA = "delta.ofad"
        const val INCOMING = "incoming"
        const val SPARE_BYTES = 1L shl 20
    }
}

/** What the store holds. */
public sealed interface Current {
    /** [folder] is private to this bundle; [damaged] says why it is the previous one that is used, if it is. */
    public data class Ready(val bundle: Bundle, val folder: File, val damaged: String?) : Current

    /** Nothing was imported yet, or nothing of it can be used: [reason] is null or says why. */
    public data class None(val reason: String?) : Current
}

/** What became of an import or of rolling back. */
public sealed interface Imported {
    /** It is the current bundle now; [folder] is private to it. */
    public data class Activated(val bundle: Bundle, val folder: File) : Imported

    /** The current bundle stays; code, entry and reason as in [Opened.Rejected]. */
    public data class Rejected(val code: RejectionCode, val entry: String?, val reason: String) : Imported

    /** Another import is running; the current bundle stays. */
    public data object Busy : Imported
}

private fun <T> Opened<T>.orRefuse(): T =
    when (this) {
        is Opened.Ready -> value
        is Opened.Rejected -> refuse(code, reason, entry)
    }
