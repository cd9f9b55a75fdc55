package ofa.core

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.channels.WritableByteChannel
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/** What turns one bundle into another, byte for byte: most often the tiles that a larger one has more. */
public class Delta private constructor(
    private val fields: DeltaFields,
    private val parts: Map<String, ByteBuffer>,
) {
    /** Size of the bundle that it makes. */
    public val resultBytes: Long get() = fields.result.bytes

    /** Make the bundle in [target] that this makes of the one in [base], and check it as any bundle. */
    public fun apply(base: File, target: File): Opened<Bundle> {
        val written = reading {
            try {
                FileOutputStream(target).use { file ->
                    write(mapped(base), file.channel)
                    file.fd.sync()
                }
            } catch (error: IOException) {
                refuse(RejectionCode.UNREADABLE, "what it makes cannot be written: ${error.message}.")
            }
        }
        if (written is Opened.Rejected) return written
        val opened = Bundle.open(target)
        if (opened !is Opened.Rejected) return opened
        return Opened.Rejected(opened.code, opened.entry, "what it makes is not a bundle: ${opened.reason}")
    }

    private fun write(base: ByteBuffer, target: WritableByteChannel) {
        checkBase(base)
        val held = ArchiveReader.read(base)
        val contents = fields.entries.map { it to content(it, held) }
        val digest = sha256Digest()
        val writer = ArchiveWriter { bytes ->
            digest.update(bytes.duplicate())
            target.writeAll(bytes)
        }
        contents.forEach { (change, pieces) -> writer.add(change.name, pieces) }
        writer.finish()
        demand(hex(digest.digest()) == fields.result.sha256, RejectionCode.RESULT_DIGEST) {
            "what it makes does not have the SHA-256 that it promises for the result."
        }
    }

    private fun checkBase(base: ByteBuffer) {
        val found = Content(base.limit().toLong(), base.sha256())
        if (found == fields.base) return
        demand(found.sha256 != fields.result.sha256, RejectionCode.ALREADY_APPLIED) {
            "the bundle given is already its result: nothing has to be done."
        }
        refuse(
            RejectionCode.OTHER_BASE,
            "it was made for another bundle, of ${grouped(fields.base.bytes)} bytes with SHA-256 " +
                "${fields.base.sha256}; the one given has ${grouped(found.bytes)} bytes and SHA-256 ${found.sha256}. " +
                "Give that bundle, or have a delta made from this one.",
        )
    }

    private fun content(change: Change, held: Map<String, ByteBuffer>): List<ByteBuffer> {
        val there = held[change.name]
        val has = there?.limit() ?: 0
        demand(change.kept <= has, RejectionCode.KEPT_BYTES, change.name) {
            "it keeps ${grouped(change.kept)} bytes of an entry of which the bundle given has ${grouped(has)}."
        }
        return listOfNotNull(there?.part(0, change.kept.toInt()), parts[change.name])
    }

    public companion object {
        /** Map a file and check all of it. */
        public fun open(file: File): Opened<Delta> = reading { read(mapped(file)) }

        /** Check a delta that is mapped or in memory: the bytes between position and limit, which must not change. */
        public fun open(data: ByteBuffer): Opened<Delta> = reading { read(data) }

        private fun read(data: ByteBuffer): Delta {
            val contents = DeltaFields.KIND.open(data.whole())
            return Delta(contents.document, contents.entries)
        }
    }
}

/** Size and SHA-256 of some bytes. */
@Serializable
internal data class Content(val bytes: Long, val sha256: String) {
    init {
        requireRange("bytes", bytes, SIZE)
        requireDigest("sha256", sha256)
    }
}

/** One entry of the result: [kept] bytes of the base's entry, then the part that the delta carries, if any. */
@Serializable
internal class Change(val kept: Long, val name: String, val part: Content?) {
    init {
        requireRange("kept", kept, SIZE)
        requireEntryName(name)
        require(part?.bytes != 0L) { "the part of $name is empty" }
    }
}

/** The content of `delta.json`. */
@Serializable
internal class DeltaFields(
    val base: Content,
    val entries: List<Change>,
    val result: Content,
    @SerialName("schema_version") val schemaVersion: String,
) {
    init {
        requireVersion(schemaVersion)
        require(entries.size in 1 until ArchiveReader.MAX_ENTRIES) { "it has ${entries.size} entries" }
        val names = entries.map { it.name } + ENTRY
        require(names.toSet().size == names.size) { "the entries must have different names, none of them $ENTRY" }
        val bytes = Archive.bytesOf(entries.map { it.name to it.kept + (it.part?.bytes ?: 0) })
        require(bytes == result.bytes) {
            "the entries make a file of ${grouped(bytes)} bytes, the result has ${grouped(result.bytes)}"
        }
    }

    companion object {
        private const val ENTRY = "delta.json"

        /** How a delta starts. */
        val KIND = DocumentKind(ENTRY, maxBytes = 1 shl 16, serializer()) { fields ->
            fields.entries.mapNotNull { each -> each.part?.let { EntryFields(it.bytes, each.name, it.sha256) } }
        }
    }
}

private val SIZE = 0L..Archive.MAX_BYTES
