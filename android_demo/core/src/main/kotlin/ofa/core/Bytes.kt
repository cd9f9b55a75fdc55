package ofa.core

import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.CharBuffer
import java.nio.channels.WritableByteChannel
import java.nio.charset.CharacterCodingException
import java.nio.charset.CodingErrorAction
import java.security.MessageDigest
import java.util.zip.CRC32

/** A view of [size] bytes from [start] on, little-endian, from its first byte to its last. */
internal fun ByteBuffer.part(start: Int, size: Int): ByteBuffer {
    val view = duplicate()
    view.window(start, start + size)
    return view.slice().order(ByteOrder.LITTLE_ENDIAN)
}

/** The bytes between position and limit, little-endian. */
internal fun ByteBuffer.whole(): ByteBuffer = slice().order(ByteOrder.LITTLE_ENDIAN)

internal fun ByteBuffer.uint8(at: Int): Int = get(at).toInt() and 0xff

internal fun ByteBuffer.uint16(at: Int): Int = getShort(at).toInt() and 0xffff

internal fun ByteBuffer.uint32(at: Int): Long = getInt(at).toLong() and 0xffffffffL

/** A copy of [size] bytes from [start] on. */
internal fun ByteBuffer.copy(start: Int = 0, size: Int = limit()): ByteArray =
    ByteArray(size).also { part(start, size).get(it) }

internal fun ByteBuffer.crc32(): Int = listOf(this).crc32()

/** CRC-32 of pieces behind each other. */
internal fun List<ByteBuffer>.crc32(): Int {
    val crc = CRC32()
    forEach { crc.update(it.duplicate()) }
    return crc.value.toInt()
}

internal fun ByteBuffer.sha256(): String = hex(sha256Digest().also { it.update(duplicate()) }.digest())

internal fun sha256Digest(): MessageDigest = MessageDigest.getInstance("SHA-256")

/** Write [data] from its first byte to its last; nothing is copied to the heap. */
internal fun WritableByteChannel.writeAll(data: ByteBuffer) {
    val left = data.duplicate()
    while (left.hasRemaining()) write(left)
}

/** The bytes as UTF-8, null if they are not. */
internal fun ByteBuffer.utf8(): String? =
    try {
        val decoder = Charsets.UTF_8.newDecoder()
        decoder.onMalformedInput(CodingErrorAction.REPORT).onUnmappableCharacter(CodingErrorAction.REPORT)
        val text: CharBuffer = decoder.decode(duplicate())
        text.toString()
    } catch (_: CharacterCodingException) {
        null
    }

/** Whether [bytes] are UTF-8; holds a few of the characters at a time. */
internal fun isUtf8(bytes: ByteArray): Boolean {
    val decoder = Charsets.UTF_8.newDecoder()
    val source = ByteBuffer.wrap(bytes)
    val some = CharBuffer.allocate(CHARACTERS_AT_ONCE)
    while (true) {
        some.restart()
        val result = decoder.decode(source, some, true)
        if (!result.isOverflow) return result.isUnderflow
    }
}

private const val CHARACTERS_AT_ONCE = 8192

// Typed as Buffer: what ByteBuffer's own position and limit return differs between Java 8, on which old phones are
// built, and later ones.
private fun Buffer.restart() {
    clear()
}

private fun Buffer.window(start: Int, stop: Int) {
    limit(stop)
    position(start)
}
