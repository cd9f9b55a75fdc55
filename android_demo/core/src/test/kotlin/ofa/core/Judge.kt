package ofa.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.FloatBuffer
import kotlinx.serialization.json.JsonObject
import kotlin.test.assertEquals
import kotlin.test.assertTrue

/** Reads a file as its kind is read and compares what becomes of it with what is [expected]. */
class Judge(private val corpus: File, private val scratch: File) {
    private val toy = Bundle.open(File(corpus, "toy.ofab")).ready()

    fun judge(kind: String, data: ByteArray, expected: JsonObject) {
        val opened = when (kind) {
            "ofab" -> Bundle.open(ByteBuffer.wrap(data))
            "ofas" -> session(data)
            else -> patched(data)
        }
        val isExpected = expected.textOrNull("error") != null
        when (opened) {
            is Opened.Ready -> {
                assertTrue(!isExpected, "accepted, but ${expected["entry"]}: ${expected["code"]}")
                check(opened.value, expected)
            }
            is Opened.Rejected -> {
                assertTrue(isExpected, "rejected, but it is sound: ${opened.sentence}")
                val (entry, code) = expected.textOrNull("entry") to expected.text("code")
                assertEquals(entry to code, opened.entry to opened.code.code, opened.reason)
                val sentence = opened.sentence
                assertTrue(sentence.length < 2000 && sentence == shown(sentence), "cannot be shown")
            }
        }
    }

    private fun session(data: ByteArray): Opened<SessionPack> {
        val opened = SessionPack.open(ByteBuffer.wrap(data))
        if (opened is Opened.Ready) opened.value.problemWith(toy.manifest)?.let { return it }
        return opened
    }

    private fun patched(data: ByteArray): Opened<Bundle> =
        when (val opened = Delta.open(ByteBuffer.wrap(data))) {
            is Opened.Rejected -> opened
            is Opened.Ready -> opened.value.apply(File(corpus, "toy.ofab"), File(scratch, "result.ofab"))
        }

    private fun check(value: Any, expected: JsonObject) {
        val facts = if (value is Bundle) facts(value) else facts(value as SessionPack)
        val wanted = facts.keys.associateWith { expected.textOrNull(it) }
        assertEquals(wanted, facts)
        expected.textOrNull("result_sha256")?.let {
            assertEquals(it, mapped(File(scratch, "result.ofab")).sha256())
        }
    }

    private fun facts(bundle: Bundle) =
        facts(bundle.items) + ("table_sha256" to digest(bundle.table.items, bundle.table.width, bundle.table::lookup))

    private fun facts(pack: SessionPack): Map<String, String> =
        facts(pack.items) + ("embeddings_sha256" to digest(pack.items.size, toy.table.width, pack::lookup))

    private fun facts(items: ItemCatalogue) =
        mapOf(
            "keys_sha256" to digest((0 until items.size).joinToString("\n", transform = items::key)),
            "titles_sha256" to digest((0 until items.size).joinToString("\n", transform = items::title)),
        )

    private fun digest(text: String) = ByteBuffer.wrap(text.toByteArray()).sha256()

    private fun digest(rows: Int, width: Int, lookup: (Int, FloatBuffer, Int) -> Unit): String {
        val bytes = ByteBuffer.allocate(4 * rows * width).order(java.nio.ByteOrder.LITTLE_ENDIAN)
        val values = bytes.asFloatBuffer()
        for (row in 0 until rows) lookup(row, values, row * width)
        return bytes.sha256()
    }
}
