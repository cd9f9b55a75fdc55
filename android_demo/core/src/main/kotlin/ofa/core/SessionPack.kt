package ofa.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.FloatBuffer

/** Full embeddings of a few items, which the cloud sent for one session. Nothing in it changes. */
public class SessionPack private constructor(
    private val fields: SessionFields,
    private val scales: FloatArray,
    private val values: FloatArray,
    private val codes: ByteBuffer,
    public val items: ItemCatalogue,
) {
    private val firstPlaces = fields.groupSizes.runningFold(0, Int::plus).toIntArray()

    /** Digest of the checkpoint that the items are of. */
    public val checkpointSha256: String get() = fields.checkpointSha256

    /** The user group that the items are for. */
    public val group: String get() = fields.group

    /** Put the embedding of the item at [place] of the pack into [destination] from [offset] on. */
    public fun lookup(place: Int, destination: FloatBuffer, offset: Int) {
        require(place in 0 until items.size) { "Place $place is not in 0..${items.size - 1}." }
        val found = firstPlaces.binarySearch(place)
        val group = if (found >= 0) found else -found - 2
        val blocks = fields.width / BLOCK_WIDTH
        for (j in 0 until fields.width) {
            val code = codes.uint8(place * fields.width + j)
            destination.put(offset + j, values[code] * scales[group * blocks + j / BLOCK_WIDTH])
        }
    }

    /** Why its items mean nothing beside those of a bundle; null if they go together. */
    internal fun problemWith(manifest: Manifest): Opened.Rejected? {
        val whole = reading {
            demand(checkpointSha256 == manifest.checkpointSha256) {
                "its items are of checkpoint $checkpointSha256, the bundle is of checkpoint " +
                    "${manifest.checkpointSha256}: scores of one mean nothing to the other."
            }
            demand(group == manifest.group) {
                "its items are of user group $group, the bundle is for user group ${manifest.group}."
            }
            demand(fields.width == manifest.embeddings.width, SessionFieldsReader.ENTRY) {
                "its embeddings are ${fields.width} wide, those of the bundle ${manifest.embeddings.width}."
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
            val contents = SessionFieldsReader.KIND.open(data.whole())
            val fields = contents.document
            val candidates = contents.entries.getValue(CANDIDATES)
            val blocks = fields.groupSizes.size * (fields.width / BLOCK_WIDTH)
            val head = 4 * (blocks + TABLE_VALUES)
            val expected = head + fields.items.toLong() * fields.width
            demand(candidates.limit().toLong() == expected, CANDIDATES) {
                "it has ${grouped(candidates.limit())} bytes; ${grouped(fields.items)} items of this layout need " +
                    "${grouped(expected)}."
            }
            val scales = EmbeddingsReader.floats(candidates, 0, blocks)
            val values = EmbeddingsReader.floats(candidates, blocks, TABLE_VALUES)
            EmbeddingsReader.checkScales(scales, values, CANDIDATES)
            val items = ItemsReader.read(contents.entries.getValue(ItemsReader.ENTRY), fields.items.toLong())
            val codes = candidates.part(head, candidates.limit() - head)
            return SessionPack(fields, scales, values, codes, items)
        }
    }
}

/** The content of `session.json`. */
internal class SessionFields(
    val checkpointSha256: String,
    val group: String,
    val items: Int,
    val width: Int,
    val groupSizes: List<Int>,
    val entries: List<EntryFields>,
)

/** Reads `session.json`. */
internal object SessionFieldsReader {
    const val ENTRY = "session.json"
    private const val MAX_BYTES = 1 shl 17
    private const val MAX_ITEMS = 1 shl 16
    private const val MAX_GROUPS = 1 shl 13
    private val FOLLOWING = listOf("candidates.bin", "items.bin")

    val KIND = DocumentKind(ENTRY, MAX_BYTES, ::fields) { it.entries }

    private class Candidates(val items: Int, val width: Int, val groupSizes: List<Int>)

    private fun fields(node: JsonNode): SessionFields {
        val fields = node.fields {
            get("schema_version").text(SCHEMA_VERSION)
            val checkpoint = get("checkpoint_sha256").digest()
            val group = get("group").name()
            val candidates = candidates(get("candidates"))
            val entries = get("entries").list(maxSize = FOLLOWING.size, read = ManifestReader::entry)
            SessionFields(checkpoint, group, candidates.items, candidates.width, candidates.groupSizes, entries)
        }
        val names = fields.entries.map { it.name }
        node.agree(names == FOLLOWING) {
            "the entries must be ${FOLLOWING.joinToString()}, not ${names.joinToString()}"
        }
        return fields
    }

    private fun candidates(node: JsonNode): Candidates {
        val layout = node.fields {
            val items = get("items").integer(1..MAX_ITEMS)
            val width = ManifestReader.width(get("width"))
            Candidates(items, width, get("group_sizes").list(1, MAX_GROUPS) { it.integer(1..MAX_ITEMS) })
        }
        node.agree(layout.groupSizes.sum() == layout.items) {
            "the group sizes add up to ${grouped(layout.groupSizes.sum())} items, not to ${grouped(layout.items)}"
        }
        return layout
    }
}
