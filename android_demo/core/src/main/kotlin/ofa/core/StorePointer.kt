package ofa.core

import java.io.File
import java.io.FileOutputStream
import java.io.IOException

/** The file that says which bundle is the current one; it is replaced as a whole, by one rename. */
internal class StorePointer(private val folder: File) {
    /** Folder names of the current bundle and the one before it. */
    data class Slots(val current: String, val previous: String?)

    private val file = File(folder, "current")

    /** What it says, null if there is none or it is not what [write] writes. */
    fun read(): Slots? {
        val lines = try {
            file.readText().trimEnd('\n').split('\n')
        } catch (_: IOException) {
            return null
        }
        if (lines.size !in 1..2 || !lines.all(SLOT::matches)) return null
        return Slots(lines[0], lines.getOrNull(1))
    }

    /** Replace it: after a power cut it holds the old content or the new one. */
    fun write(slots: Slots, onNoted: () -> Unit) {
        val next = File(folder, "current.next")
        FileOutputStream(next).use {
            it.write(listOfNotNull(slots.current, slots.previous).joinToString("\n", postfix = "\n").toByteArray())
            it.fd.sync()
        }
        onNoted()
        if (!next.renameTo(file)) throw IOException("${next.name} cannot be renamed")
        sync(folder)
    }

    private companion object {
        val SLOT = Regex("[0-9a-f]{64}")
    }
}
