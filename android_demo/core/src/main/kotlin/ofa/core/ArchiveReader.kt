package ofa.core

import java.nio.ByteBuffer

/**
 * Reads an archive as if its sender were hostile: it is exactly what the toolkit writes, or it is refused.
 *
 * Every length is compared with the size of the file before it is used, and nothing is copied.
 */
internal class ArchiveReader private constructor(private val file: ByteBuffer) {
    private val size = file.limit()
    private var at = 0

    private class Record(val name: String, val size: Long, val headerStart: Long, val crc: Int)

    private fun entries(): Map<String, ByteBuffer> {
        val (directoryStart, count) = end()
        at = directoryStart
        var end = 0
        val entries = LinkedHashMap<String, ByteBuffer>()
        for (number in 0 until count) {
            val record = record(number)
            val name = record.name
            demand(name !in entries, RejectionCode.ENTRY_NAME, name) { "its name appears twice." }
            val placement = place(record, end, directoryStart)
            demand(same(at, placement.centralRecord(record.crc)), name) {
                "its directory record has fields that this format does not use."
            }
            checkLocal(placement, record.crc)
            val data = file.part(placement.dataStart.toInt(), record.size.toInt())
            demand(data.crc32() == record.crc, RejectionCode.DAMAGED, name) {
                "its data does not agree with its CRC-32: the file was damaged."
            }
            entries[name] = data
            end = (placement.dataStart + record.size).toInt()
            at += Archive.CENTRAL_BYTES + name.length
        }
        demand(end == directoryStart) {
            "${grouped(directoryStart - end)} bytes before the directory belong to no entry."
        }
        demand(at + Archive.END_BYTES == size) {
            "${grouped(size - Archive.END_BYTES - at)} bytes after the directory belong to no entry."
        }
        return entries
    }

    private fun end(): Pair<Int, Int> {
        demand(size >= Archive.END_BYTES, RejectionCode.NO_ARCHIVE) {
            "it has $size bytes, fewer than the smallest archive: it was cut short."
        }
        val start = size - Archive.END_BYTES
        if (file.getInt(start) != Archive.END_SIGNATURE) refuseWithoutEnd()
        val count = file.uint16(start + 10)
        val directoryBytes = file.uint32(start + 12)
        val directoryStart = file.uint32(start + 16)
        demand(ZIP64 != directoryBytes && ZIP64 != directoryStart && count != 0xffff) {
            "it uses ZIP64, which this format does not."
        }
        demand(count in 1..MAX_ENTRIES) { "its directory says $count entries; 1 to $MAX_ENTRIES are allowed." }
        demand(directoryStart + directoryBytes == start.toLong()) {
            "its directory is not where the end of the file says."
        }
        demand(same(start, Archive.endRecord(count, directoryStart, directoryBytes))) {
            "the end of its directory has fields that this format does not use."
        }
        return directoryStart.toInt() to count
    }

    private fun refuseWithoutEnd(): Nothing {
        val first = maxOf(0, size - Archive.END_BYTES - 0x10000)
        val isThere = (first..size - 4).any { file.getInt(it) == Archive.END_SIGNATURE }
        demand(!isThere) { "it has a comment or other bytes after the end of its directory." }
        refuse(
            RejectionCode.NO_ARCHIVE,
            "it does not end with a directory: it was cut short, or it is not a file of ofa-export.",
        )
    }

    private fun record(number: Int): Record {
        val limit = size - Archive.END_BYTES
        demand(at + Archive.CENTRAL_BYTES <= limit) { "its directory ends before entry $number." }
        demand(file.getInt(at) == Archive.CENTRAL_SIGNATURE) { "its directory has no record for entry $number." }
        val nameBytes = file.uint16(at + 28)
        demand(nameBytes in 1..MAX_NAME && at + Archive.CENTRAL_BYTES + nameBytes <= limit) {
            "the name of entry $number has $nameBytes bytes; 1 to $MAX_NAME are allowed."
        }
        val name = asciiName(file.copy(at + Archive.CENTRAL_BYTES, nameBytes))
        val flags = file.uint16(at + 8)
        val stored = file.uint32(at + 20)
        val record = Record(name, file.uint32(at + 24), file.uint32(at + 42), file.getInt(at + 16))
        demand(PLAIN_NAME.matches(name), RejectionCode.ENTRY_NAME, name) {
            "its name is not a plain file name, so it could escape the folder it is put in."
        }
        demand(flags and ENCRYPTED == 0, RejectionCode.NOT_STORED, name) { "it is encrypted." }
        demand(flags and DATA_DESCRIPTOR == 0, RejectionCode.NOT_STORED, name) {
            "its size follows its data (a data descriptor), which this format does not allow."
        }
        demand(file.uint16(at + 10) == 0 && stored == record.size, RejectionCode.NOT_STORED, name) {
            "it is compressed; entries must be stored."
        }
        demand(record.size != ZIP64 && record.headerStart != ZIP64, name) {
            "it uses ZIP64, which this format does not."
        }
        return record
    }

    /** Where the entry must lie: directly after [end], where the one before it ends. */
    private fun place(record: Record, end: Int, limit: Int): Placement {
        val (name, start) = record.name to record.headerStart
        demand(start >= end, name) { "it overlaps the entry before it." }
        demand(start <= end, name) { "the ${grouped(start - end)} bytes before it belong to no entry." }
        demand(start + Archive.LOCAL_BYTES <= limit, name) { "its header reaches into the directory." }
        val dataStart = start + Archive.LOCAL_BYTES + file.uint16(end + 26) + file.uint16(end + 28)
        demand(dataStart % Archive.ALIGNMENT == 0L, name) {
            "its data starts at byte ${grouped(dataStart)}, not at a multiple of ${Archive.ALIGNMENT}."
        }
        val placement = Placement.of(name, record.size, start)
        demand(placement.dataStart + record.size <= limit, name) { "its data reaches into the directory." }
        return placement
    }

    private fun checkLocal(placement: Placement, crc: Int) {
        val name = placement.name
        val start = placement.headerStart.toInt()
        val canonical = placement.localHeader(crc)
        demand(file.getInt(start) == Archive.LOCAL_SIGNATURE, name) { "its local header is missing." }
        val named = Archive.LOCAL_BYTES + name.length
        // The length of the extra field is judged with the padding, below.
        val fields = (0 until Archive.LOCAL_BYTES - 2) + (Archive.LOCAL_BYTES until named)
        demand(fields.all { file.get(start + it) == canonical[it] }, name) {
            "its local header disagrees with the directory."
        }
        demand(same(start, canonical), name) { "the padding before its data is not what this format writes." }
    }

    private inline fun demand(condition: Boolean, entry: String? = null, reason: () -> String) =
        demand(condition, RejectionCode.ARCHIVE, entry, reason)

    private fun same(start: Int, bytes: ByteArray) = bytes.indices.all { file.get(start + it) == bytes[it] }

    private fun asciiName(bytes: ByteArray) =
        bytes.joinToString("") { if (it < 0) "\\x" + hex(it.toInt() and 0xff, 2) else it.toInt().toChar().toString() }

    companion object {
        const val MAX_ENTRIES = 64
        const val MAX_NAME = 64
        private const val ENCRYPTED = 0x0001
        private const val DATA_DESCRIPTOR = 0x0008
        private const val ZIP64 = 0xffffffffL
        val PLAIN_NAME = Regex("[A-Za-z0-9_][A-Za-z0-9_.-]*")

        /** Check the archive and find its entries: name to content, in file order, as views of [file]. */
        fun read(file: ByteBuffer): Map<String, ByteBuffer> = ArchiveReader(file.whole()).entries()
    }
}
