package ofa.core

import java.nio.ByteBuffer
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/**
 * The JSON document that every archive of ours starts with.
 *
 * @param entry its name in the archive.
 * @param maxBytes the most that it may take.
 * @param read reads its fields.
 * @param listed the other entries that it vouches for, in file order.
 */
internal class DocumentKind<T>(
    private val entry: String,
    private val maxBytes: Int,
    private val read: (JsonNode) -> T,
    private val listed: (T) -> List<EntryFields>,
) {
    /** A document, and the content of every other entry by name, in file order. */
    class Contents<T>(val document: T, val entries: Map<String, ByteBuffer>)

    /** Check an archive, its document, and that the other entries are those that the document lists. */
    fun open(file: ByteBuffer): Contents<T> {
        val entries = ArchiveReader.read(file)
        val (first, content) = entries.entries.first()
        demand(first == entry, first) { "the first entry is not $entry." }
        val document = document(content)
        val others = entries - entry
        checkEntries(listed(document), others)
        return Contents(document, others)
    }

    private fun document(data: ByteBuffer): T {
        demand(data.limit() <= maxBytes, entry) {
            "it has ${grouped(data.limit())} bytes; at most ${grouped(maxBytes)} are allowed."
        }
        val value = StrictJson.parse(data)
        versionProblem(value)?.let { refuse(it, entry) }
        val source = JsonSource(entry)
        val document = read(JsonNode(source, "", value!!))
        val canonical = CanonicalJson.write(value)
            ?: refuse("it holds a value that cannot be read back (a number that is not finite).", entry)
        demand(canonical == data.utf8() && !source.hasOtherNumbers, entry) {
            "it is not compact JSON with sorted, unique keys."
        }
        return document
    }

    private fun checkEntries(listed: List<EntryFields>, entries: Map<String, ByteBuffer>) {
        val names = listed.map { it.name }
        entries.keys.find { it !in names }?.let { refuse("$entry does not list it.", it) }
        for (each in listed) {
            val data = entries[each.name] ?: refuse("$entry lists it, but it is missing.", each.name)
            demand(data.limit().toLong() == each.bytes, each.name) {
                "it has ${grouped(data.limit())} bytes, $entry says ${grouped(each.bytes)}."
            }
            demand(data.sha256() == each.sha256, each.name) { "its SHA-256 is not the one in $entry." }
        }
        demand(entries.keys.toList() == names) {
            "the entries are not in the order of $entry: ${entries.keys.joinToString()}."
        }
    }

    private companion object {
        val VERSION = Regex("[0-9]{1,4}\\.[0-9]{1,4}")

        /** Why JSON of another version cannot be read here; nothing else in it is looked at. */
        fun versionProblem(value: JsonElement?): String? {
            val version = ((value as? JsonObject)?.get("schema_version") as? JsonPrimitive)
                ?.takeIf { it.isString && VERSION.matches(it.content) }?.content
                ?: return "it is not a JSON object with a schema_version such as '1.0'."
            val major = version.substringBefore('.').toInt()
            if (major > 1) {
                return "it was made by a newer version of ofa-export (schema $version, this one reads 1.x): " +
                    "update the app."
            }
            return if (major == 1) null else "its schema version $version was never released; this version reads 1.x."
        }
    }
}

/** The version that documents of ours have. */
internal val SCHEMA_VERSION = Regex("1\\.[0-9]{1,4}")

/** The name of an entry. */
internal val ENTRY_NAME = Regex("[A-Za-z0-9_][A-Za-z0-9_.-]*")
