package ofa.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The archive around a bundle, of which every byte is fixed by the entries: see docs/bundle-format.md. */
internal object Archive {
    const val ALIGNMENT = 64
    const val MAX_BYTES = (1L shl 32) - 2

    const val LOCAL_BYTES = 30
    const val CENTRAL_BYTES = 46
    const val END_BYTES = 22

    const val LOCAL_SIGNATURE = 0x04034b50
    const val CENTRAL_SIGNATURE = 0x02014b50
    const val END_SIGNATURE = 0x06054b50

    /** Exact size of the archive with these entries. */
    fun bytesOf(namesAndSizes: List<Pair<String, Long>>): Long {
        var end = 0L
        var directory = 0L
        for ((name, size) in namesAndSizes) {
            end = Placement.of(name, size, end).dataStart + size
            directory += CENTRAL_BYTES + name.length
        }
        return end + directory + END_BYTES
    }

    /** The last 22 bytes of an archive. */
    fun endRecord(entries: Int, directoryStart: Long, directoryBytes: Long): ByteArray =
        record(END_BYTES) {
            putInt(END_SIGNATURE).putShort(0).putShort(0)
            putShort(entries.toShort()).putShort(entries.toShort())
            putInt(directoryBytes.toInt()).putInt(directoryStart.toInt()).putShort(0)
        }
}

/** Where one entry lies in the archive, in bytes from its start. */
internal class Placement private constructor(
    val name: String,
    val headerStart: Long,
    val dataStart: Long,
    val size: Long,
) {
    private val padding = (dataStart - headerStart - Archive.LOCAL_BYTES - name.length).toInt()

    /** Local header, name and padding: the bytes from [headerStart] to [dataStart]. */
    fun localHeader(crc: Int): ByteArray =
        record((dataStart - headerStart).toInt()) {
            putInt(Archive.LOCAL_SIGNATURE).putShort(VERSION)
            putCommonFields(crc).putShort(padding.toShort())
            put(name.toByteArray(Charsets.US_ASCII))
            putShort(PADDING_ID).putShort((padding - 4).toShort()).putShort(Archive.ALIGNMENT.toShort())
        }

    /** The entry's record in the central directory. */
    fun centralRecord(crc: Int): ByteArray =
        record(Archive.CENTRAL_BYTES + name.length) {
            putInt(Archive.CENTRAL_SIGNATURE).putShort(VERSION).putShort(VERSION)
            putCommonFields(crc)
            repeat(4) { putShort(0) }
            putInt(0).putInt(headerStart.toInt())
            put(name.toByteArray(Charsets.US_ASCII))
        }

    private fun ByteBuffer.putCommonFields(crc: Int): ByteBuffer =
        putShort(0).putShort(0).putShort(0).putShort(DATE).putInt(crc).putInt(size.toInt()).putInt(size.toInt())
            .putShort(name.length.toShort())

    companion object {
        private const val VERSION: Short = 10
        private const val DATE: Short = 0x0021
        private const val PADDING_ID: Short = 0xD935.toShort()
        private const val SHORTEST_PADDING = 6

        /** The entry that starts with its local header at [headerStart]. */
        fun of(name: String, size: Long, headerStart: Long): Placement {
            val shortest = headerStart + Archive.LOCAL_BYTES + name.length + SHORTEST_PADDING
            val dataStart = (shortest + Archive.ALIGNMENT - 1) / Archive.ALIGNMENT * Archive.ALIGNMENT
            return Placement(name, headerStart, dataStart, size)
        }
    }
}

private inline fun record(size: Int, fill: ByteBuffer.() -> Unit): ByteArray =
    ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN).apply(fill).array()
