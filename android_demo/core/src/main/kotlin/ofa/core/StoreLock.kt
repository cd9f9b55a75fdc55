package ofa.core

import java.io.File
import java.io.RandomAccessFile
import java.nio.channels.OverlappingFileLockException

/** Lets one import at a time, of all threads and processes; it ends with the process that holds it. */
internal class StoreLock(private val file: File) {
    /** What [work] gives, null if someone else holds the lock. */
    fun <T : Any> holding(work: () -> T): T? =
        RandomAccessFile(file, "rw").use { open ->
            val lock = try {
                open.channel.tryLock()
            } catch (_: OverlappingFileLockException) {
                null
            }
            lock?.let { work() }
        }
}
