package ofa.core

import java.io.File
import java.io.RandomAccessFile
import java.util.concurrent.ConcurrentHashMap

/** Lets one import at a time, of all threads and processes; it ends with the process that holds it. */
internal class StoreLock(private val file: File) {
    /** What [work] gives, null if someone else holds the lock. */
    fun <T : Any> holding(work: () -> T): T? {
        // Within the process a list comes first: whoever opens and closes a locked file gives away its process's lock.
        val path = file.canonicalPath
        if (!HELD.add(path)) return null
        try {
            return RandomAccessFile(file, "rw").use { open -> open.channel.tryLock()?.let { work() } }
        } finally {
            HELD.remove(path)
        }
    }

    private companion object {
        val HELD: MutableSet<String> = ConcurrentHashMap.newKeySet()
    }
}
