package ofa.core

import java.nio.ByteBuffer
import java.util.zip.DataFormatException
import java.util.zip.Inflater

/** Reads `items.bin`: a header of 16 bytes and a zlib stream of V keys and V titles, joined by newlines. */
internal object ItemsReader {
    const val ENTRY = "items.bin"
    private const val HEADER_BYTES = 16
    private const val MAX_ITEM_BYTES = 1024
    private const val MAX_TEXT = 1L shl 26
    private const val CHUNK = 1 shl 16
    private val MAGIC = "OFAI".toByteArray(Charsets.US_ASCII)
    private const val NEWLINE = '\n'.code.toByte()

    /** Check what can be checked without the text; gives the bytes that the text must have. */
    fun checkHeader(data: ByteBuffer, items: Long): Long {
        demand(data.limit() >= HEADER_BYTES, RejectionCode.ITEMS_HEADER, ENTRY) {
            "it has ${data.limit()} bytes, fewer than its header."
        }
        val magic = data.copy(0, MAGIC.size)
        val version = data.uint32(4)
        demand(magic.contentEquals(MAGIC) && version == 1L, RejectionCode.ITEMS_HEADER, ENTRY) {
            "it starts with ${quoted(magic)}, version $version; needed is ${quoted(MAGIC)}, version 1."
        }
        val count = data.uint32(8)
        demand(count == items, RejectionCode.ITEMS_HEADER, ENTRY) {
            "it holds ${grouped(count)} items, the manifest says ${grouped(items)}."
        }
        val textBytes = data.uint32(12)
        demand(textBytes <= count * MAX_ITEM_BYTES, RejectionCode.ITEMS_HEADER, ENTRY) {
            "its text of ${grouped(textBytes)} bytes is over the limit of ${grouped(MAX_ITEM_BYTES)} for each item."
        }
        return textBytes
    }

    /** Read keys and titles. */
    fun read(data: ByteBuffer, items: Long): ItemCatalogue {
        val text = inflate(data, checkHeader(data, items))
        demand(isUtf8(text), RejectionCode.ITEMS_TEXT, ENTRY) { "its text is not UTF-8." }
        val lines = 1 + text.count { it == NEWLINE }
        demand(lines.toLong() == 2 * items, RejectionCode.ITEMS_TEXT, ENTRY) {
            "its text has ${grouped(lines)} lines; ${grouped(items)} keys and as many titles are needed."
        }
        val starts = starts(text, lines)
        checkItems(text, starts)
        return try {
            ItemCatalogue(text, starts)
        } catch (duplicate: ItemCatalogue.DuplicateKey) {
            val reason = "The item key '${duplicate.key}' appears twice; keys must be unique."
            refuse(RejectionCode.ITEMS_KEYS, reason, ENTRY)
        }
    }

    /** Where each line starts, and where one after the last would. */
    private fun starts(text: ByteArray, lines: Int): IntArray {
        val starts = IntArray(lines + 1)
        var line = 1
        text.forEachIndexed { at, byte -> if (byte == NEWLINE) starts[line++] = at + 1 }
        starts[lines] = text.size + 1
        return starts
    }

    private fun checkItems(text: ByteArray, starts: IntArray) {
        val items = starts.size / 2
        for (row in 0 until items) {
            val keyBytes = starts[row + 1] - starts[row]
            val titleBytes = starts[items + row + 1] - starts[items + row]
            demand(keyBytes > 1, RejectionCode.ITEMS_KEYS, ENTRY) { "The item of row $row has an empty key." }
            demand(keyBytes + titleBytes <= MAX_ITEM_BYTES, RejectionCode.ITEMS_KEYS, ENTRY) {
                val key = String(text, starts[row], keyBytes - 1, Charsets.UTF_8).take(40)
                "Key and title of item '$key' (row $row) take ${grouped(keyBytes + titleBytes)} bytes; the limit is " +
                    "${grouped(MAX_ITEM_BYTES)}."
            }
        }
    }

    /** Inflate no more than the header promises; memory is taken when the stream has shown that it keeps its word. */
    private fun inflate(data: ByteBuffer, textBytes: Long): ByteArray {
        demand(textBytes <= MAX_TEXT, RejectionCode.TOO_LARGE, ENTRY) {
            "its text of ${grouped(textBytes)} bytes is more than the ${grouped(MAX_TEXT)} that a phone should hold."
        }
        val stream = data.copy(HEADER_BYTES, data.limit() - HEADER_BYTES)
        val chunk = ByteArray(CHUNK)
        val isWhole = inflating(stream) { inflater ->
            var left = textBytes + 1
            do {
                // One byte more than promised is enough to see that the stream goes on.
                val count = inflater.inflate(chunk, 0, minOf(left, CHUNK.toLong()).toInt())
                left -= count
            } while (count > 0 && left > 0)
            left == 1L && inflater.finished() && inflater.remaining == 0
        }
        demand(isWhole, RejectionCode.ITEMS_TEXT, ENTRY) {
            "its text does not end after the ${grouped(textBytes)} bytes that its header says."
        }
        val text = ByteArray(textBytes.toInt())
        inflating(stream) { inflater ->
            var at = 0
            while (at < text.size) at += inflater.inflate(text, at, text.size - at)
        }
        return text
    }

    private inline fun <T> inflating(stream: ByteArray, use: (Inflater) -> T): T {
        val inflater = Inflater()
        try {
            inflater.setInput(stream)
            val result = use(inflater)
            demand(!inflater.needsDictionary(), RejectionCode.ITEMS_TEXT, ENTRY) {
                "its text cannot be decompressed (it needs a dictionary)."
            }
            return result
        } catch (damage: DataFormatException) {
            refuse(RejectionCode.ITEMS_TEXT, "its text cannot be decompressed (${damage.message}).", ENTRY)
        } finally {
            inflater.end()
        }
    }

    private fun quoted(bytes: ByteArray): String =
        bytes.joinToString("", "b'", "'") { byte ->
            val code = byte.toInt() and 0xff
            if (code in 0x20..0x7e) code.toChar().toString() else "\\x" + hex(code, 2)
        }
}
