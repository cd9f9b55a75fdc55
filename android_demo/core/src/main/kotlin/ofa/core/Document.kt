package ofa.core

import java.nio.ByteBuffer
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.Json

/**
 * The JSON document that every archive of ours starts with.
 *
 * What its classes do not accept, the library refuses; so that there is one way only to write a document, it must be
 * what they write: canonical JSON (RFC 8785).
 *
 * @param entry its name in the archive.
 * @param maxBytes the most that it may take.
 * @param serializer of a class whose `init` checks the values.
 * @param listed the other entries that it vouches for, in file order.
 */
internal class DocumentKind<T>(
    private val entry: String,
    private val maxBytes: Int,
    private val serializer: KSerializer<T>,
    private val listed: (T) -> List<EntryFields>,
) {
    /** A document, and the content of every other entry by name, in file order. */
    class Contents<T>(val document: T, val entries: Map<String, ByteBuffer>)

    /** Check an archive, its document, and that the other entries are those that the document lists. */
    fun open(file: ByteBuffer): Contents<T> {
        val entries = ArchiveReader.read(file)
        val (first, content) = entries.entries.first()
        demand(first == entry, RejectionCode.WRONG_KIND, first) { "the first entry is not $entry." }
        val document = document(content)
        val others = entries - entry
        checkEntries(listed(document), others)
        return Contents(document, others)
    }

    private fun document(data: ByteBuffer): T {
        demand(data.limit() <= maxBytes, RejectionCode.DOCUMENT_SIZE, entry) {
            "it has ${grouped(data.limit())} bytes; at most ${grouped(maxBytes)} are allowed."
        }
        val text = data.utf8() ?: refuse(RejectionCode.DOCUMENT, "it is not UTF-8.", entry)
        checkVersion(text)
        val document = try {
            JSON.decodeFromString(serializer, text)
        } catch (problem: IllegalArgumentException) {
            // The library quotes the document after the first line.
            val (reason) = problem.message.orEmpty().split('\n')
            refuse(RejectionCode.DOCUMENT, "${reason.trimEnd('.')}.", entry)
        }
        demand(JSON.encodeToString(serializer, document) == text, RejectionCode.DOCUMENT, entry) {
            "it is not canonical JSON: compact, with sorted, unique keys."
        }
        return document
    }

    /** Refuse a document of another version before anything else in it is looked at. */
    private fun checkVersion(text: String) {
        val version = try {
            VERSION_ONLY.decodeFromString(Version.serializer(), text).version
        } catch (_: IllegalArgumentException) {
            ""
        }
        demand(VERSION.matches(version), RejectionCode.DOCUMENT, entry) {
            "it is not a JSON object with a schema_version such as '$MAJOR.0'."
        }
        val major = version.substringBefore('.').toInt()
        demand(major <= MAJOR, RejectionCode.NEWER_VERSION, entry) {
            "it was made by a newer version of ofa-export (schema $version, this one reads $MAJOR.x): update the app."
        }
        demand(major == MAJOR, RejectionCode.OLDER_VERSION, entry) {
            "it was made by an older version of ofa-export (schema $version, this one reads $MAJOR.x): have it made " +
                "again."
        }
    }

    private fun checkEntries(listed: List<EntryFields>, entries: Map<String, ByteBuffer>) {
        val names = listed.map { it.name }
        entries.keys.find { it !in names }?.let {
            refuse(RejectionCode.ENTRY_UNLISTED, "$entry does not list it.", it)
        }
        for (each in listed) {
            val data = entries[each.name]
                ?: refuse(RejectionCode.ENTRY_MISSING, "$entry lists it, but it is missing.", each.name)
            demand(data.limit().toLong() == each.bytes, RejectionCode.ENTRY_SIZE, each.name) {
                "it has ${grouped(data.limit())} bytes, $entry says ${grouped(each.bytes)}."
            }
            demand(data.sha256() == each.sha256, RejectionCode.ENTRY_DIGEST, each.name) {
                "its SHA-256 is not the one in $entry."
            }
        }
        demand(entries.keys.toList() == names, RejectionCode.ENTRY_ORDER) {
            "the entries are not in the order of $entry: ${entries.keys.joinToString()}."
        }
    }

    private companion object {
        val JSON = Json { encodeDefaults = true }
        val VERSION_ONLY = Json { ignoreUnknownKeys = true }
        val VERSION = Regex("[0-9]{1,4}\\.[0-9]{1,4}")
    }
}

/** The major version that documents of ours have. */
private const val MAJOR = 2

@Serializable
private class Version(@SerialName("schema_version") val version: String)

// Values of documents, for the `init` of their classes: what `require` throws, `DocumentKind` refuses.

internal fun requireLength(field: String, text: String, range: IntRange) =
    require(text.codePointCount(0, text.length) in range) {
        "$field must have ${range.first} to ${range.last} characters"
    }

internal fun requireName(field: String, text: String) = requireLength(field, text, 1..200)

internal fun requireRange(field: String, value: Long, range: LongRange) =
    require(value in range) { "$field must be ${range.first} to ${range.last}, not $value" }

internal fun requireRange(field: String, value: Int, range: IntRange) =
    requireRange(field, value.toLong(), range.first.toLong()..range.last.toLong())

internal fun requireDigest(field: String, text: String) =
    require(DIGEST.matches(text)) { "$field must be a SHA-256 in hexadecimal" }

internal fun requireVersion(text: String) =
    require(SCHEMA_VERSION.matches(text)) { "schema_version must be such as $MAJOR.0" }

internal fun requireEntryName(text: String) =
    require(text.length <= ArchiveReader.MAX_NAME && ArchiveReader.PLAIN_NAME.matches(text)) {
        "the name of an entry is not a plain file name"
    }

private val DIGEST = Regex("[0-9a-f]{64}")
private val SCHEMA_VERSION = Regex("$MAJOR\\.[0-9]{1,4}")
