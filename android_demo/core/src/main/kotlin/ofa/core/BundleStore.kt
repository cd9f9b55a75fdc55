package ofa.core

import java.io.File
import java.io.InputStream

/**
 * The bundles of an app in a private folder: a current one and the one before it.
 *
 * Import copies, verifies and self-tests a bundle before one rename makes it the current one; whatever happens before
 * that, the current bundle stays. Every method may be called from any thread and takes its time: not the main one.
 *
 * @param folder private to the app; made when it is missing.
 * @param maxBytes the most that a bundle may have.
 * @param trial the last word before a bundle is activated: the self-test on this phone's runtime.
 */
public class BundleStore(folder: File, maxBytes: Long, trial: Trial) {
    /** Loads and self-tests a bundle: null when it may be used, else why not, as a sentence. */
    public fun interface Trial {
        /** [folder] is where the runtime may keep files of this bundle. */
        public fun problem(bundle: Bundle, folder: File): String?
    }

    /** The current bundle, checked again; the previous one if the current one was damaged on the phone. */
    public fun current(): Current = TODO()

    /** Import a bundle; closes nothing. */
    public fun import(stream: InputStream): Imported = TODO()

    /** Make the previous bundle the current one again. */
    public fun rollBack(): Imported = TODO()
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
    /** It is the current bundle now. */
    public data class Activated(val bundle: Bundle, val folder: File) : Imported

    /** The current bundle stays; [entry] as in [Opened.Rejected]. */
    public data class Rejected(val entry: String?, val reason: String) : Imported

    /** Another import is running; the current bundle stays. */
    public data object Busy : Imported
}
