package ofa.core

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.io.InputStream
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption

/** What became of copying a stream to a file. */
internal sealed interface Copied {
    data object Done : Copied

    data object TooLarge : Copied

    class Unreadable(val reason: String) : Copied

    class Unwritable(val reason: String, val bytes: Long) : Copied
}

private const val COPIED_AT_ONCE = 1 shl 16

/** Copy a stream of no more than [maxBytes] to [target], and have it on the disk before this returns. */
internal fun copyBounded(stream: InputStream, target: File, maxBytes: Long): Copied {
    var bytes = 0L
    try {
        FileOutputStream(target).use { file ->
            val buffer = ByteArray(COPIED_AT_ONCE)
            while (true) {
                val count = try {
                    stream.read(buffer)
                } catch (error: IOException) {
                    return Copied.Unreadable("${error.message}")
                }
                if (count < 0) break
                bytes += count
                if (bytes > maxBytes) return Copied.TooLarge
                file.write(buffer, 0, count)
            }
            file.fd.sync()
        }
    } catch (error: IOException) {
        return Copied.Unwritable("${error.message}", bytes)
    }
    return Copied.Done
}

/** Have the names in a folder on the disk, where the system lets a folder be opened for that. */
internal fun sync(folder: File) {
    try {
        FileChannel.open(folder.toPath(), StandardOpenOption.READ).use { it.force(true) }
    } catch (_: IOException) {
        // The rename itself is atomic; without this it is only later that it outlives a power cut.
    }
}
