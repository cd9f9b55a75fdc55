package ofa.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.FloatBuffer
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/** Full embeddings of a few items, which the cloud sent for one session. Nothing in it changes. */
public class SessionPack private constructor(
    private val fields: SessionFields,
    private val scales: FloatArray,
    private val values: FloatArray,
    private val codes: ByteBuffer,
    public val items: ItemCatalogue,
) {
    private val layout = fields.candidates
    private val firstPlaces = layout.groupSizes.runningFold(0, Int::plus).toIntArray()

    /** Digest of the checkpoint that the items are of. */
    public val checkpointSha256: String get() = fields.checkpointSha256

    /** The user group that the items are for. */
    public val group: String get() = fields.group

    /** Put the embedding of the item at [place] of the pack into [destination] from [offset] on. */
    public fun lookup(place: Int, destination: FloatBuffer, offset: Int) {
        require(place in 0 until items.size) { "Place $place is not in 0..${items.size - 1}." }
        val found = firstPlaces.binarySearch(place)
        val group = if (found >= 0) found else -found - 2
        val blocks = layout.width / BLOCK_WIDTH
        for (j in 0 until layout.width) {
            val code = codes.uint8(place * layout.width + j)
            destination.put(offset + j, values[code] * scales[group * blocks + j / BLOCK_WIDTH])
        }
    }

    /** Why its items mean nothing beside those of a bundle; null if they go together. */
    internal fun problemWith(manifest: Manifest): Opened.Rejected? {
        val whole = reading {
            demand(checkpointSha256 == manifest.checkpointSha256, RejectionCode.OTHER_CHECKPOINT) {
                "its items are of checkpoint $checkpointSha256, the bundle is of checkpoint " +
                    "${manifest.checkpointSha256}: scores of one mean nothing to the other."
            }
            demand(group == manifest.group, RejectionCode.OTHER_GROUP) {
                "its items are of user group $group, the bundle is for user group ${manifest.group}."
            }
            demand(layout.width == manifest.embeddings.width, RejectionCode.OTHER_WIDTH, SessionFields.ENTRY) {
                "its embeddings are ${layout.width} wide, those of the bundle ${manifest.embeddings.width}."
            }
        }
        return whole as? Opened.Rejected
    }

    public companion object {
        private const val CANDIDATES = "candidates.bin"
        private const val TABLE_VALUES = 256

        /** Map a file and check all of it. */
        public fun open(file: File): Opened<SessionPack> = reading { read(mapped(file)) }

        /** Check a pack that is mapped or in memory: the bytes between position and limit, which must not change. */
        public fun open(data: ByteBuffer): Opened<SessionPack> = reading { read(data) }

        private fun read(data: ByteBuffer): SessionPack {
            val contents = SessionFields.KIND.open(data.whole())
            val fields = contents.document
            val layout = fields.candidates
            val candidates = contents.entries.getValue(CANDIDATES)
            val blocks = layout.groupSizes.size * (layout.width / BLOCK_WIDTH)
            val head = 4 * (blocks + TABLE_VALUES)
            val expected = head + layout.items.toLong() * layout.width
            demand(candidates.limit().toLong() == expected, RejectionCode.TABLE_SIZE, CANDIDATES) {
                "it has ${grouped(candidates.limit())} bytes; ${grouped(layout.items)} items of this layout need " +
                    "${grouped(expected)}."
            }
            val scales = EmbeddingsReader.floats(candidates, 0, blocks)
            val values = EmbeddingsReader.floats(candidates, blocks, TABLE_VALUES)
            EmbeddingsReader.checkScales(scales, values, CANDIDATES)
            val items = ItemsReader.read(contents.entries.getValue(ItemsReader.ENTRY), layout.items.toLong())
            val codes = candidates.part(head, candidates.limit() - head)
            return SessionPack(fields, scales, values, codes, items)
        }
    }
}

/** The content of `session.json`. */
@Serializable
internal class SessionFields(
    val candidates: CandidateLayout,
    @SerialName("checkpoint_sha256") val checkpointSha256: String,
    val entries: List<EntryFields>,
    val group: String,
    @SerialName("schema_version") val schemaVersion: String,
) {
    init {
        requireDigest("checkpoint_sha256", checkpointSha256)
        requireName("group", group)
        requireVersion(schemaVersion)
        val names = entries.map { it.name }
        require(names == FOLLOWING) { "the entries must be ${FOLLOWING.joinToString()}, not ${names.joinToString()}" }
    }

    companion object {
        const val ENTRY = "session.json"
        private val FOLLOWING = listOf("candidates.bin", "items.bin")

        /** How a session pack starts. */
        val KIND = DocumentKind(ENTRY, maxBytes = 1 shl 17, serializer()) { it.entries }
    }
}

/** How `candidates.bin` is cut: items of each item group that occurs, in row order, and values of a row. */
@Serializable
internal class CandidateLayout(
    @SerialName("group_sizes") val groupSizes: List<Int>,
    val items: Int,
    val width: Int,
) {
    init {
        requireRange("candidates.items", items, 1..MAX_ITEMS)
        requireWidth("candidates.width", width)
        require(groupSizes.size in 1..MAX_GROUPS && groupSizes.all { it in 1..MAX_ITEMS }) {
            "group_sizes must be 1 to $MAX_GROUPS numbers of items"
        }
        require(groupSizes.sum() == items) {
            "the group sizes add up to ${grouped(groupSizes.sum())} items, not to ${grouped(items)}"
        }
    }

    private companion object {
        const val MAX_ITEMS = 1 shl 16
        const val MAX_GROUPS = 1 shl 13
    }
}
