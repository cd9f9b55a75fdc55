package ofa.core

import java.nio.ByteBuffer

/** Writes the archive of some entries, piece by piece, to whoever takes bytes; what is taken is not kept. */
internal class ArchiveWriter(private val take: (ByteBuffer) -> Unit) {
    private val directory = ArrayList<ByteArray>()
    private var end = 0L

    /** The next entry, whose content is [pieces] behind each other. */
    fun add(name: String, pieces: List<ByteBuffer>) {
        val placement = Placement.of(name, pieces.sumOf { it.limit().toLong() }, end)
        val crc = pieces.crc32()
        take(ByteBuffer.wrap(placement.localHeader(crc)))
        pieces.forEach(take)
        directory += placement.centralRecord(crc)
        end = placement.dataStart + placement.size
    }

    /** The directory, after the last entry. */
    fun finish() {
        directory.forEach { take(ByteBuffer.wrap(it)) }
        take(ByteBuffer.wrap(Archive.endRecord(directory.size, end, directory.sumOf { it.size.toLong() })))
    }
}
