package ofa.core

import java.io.File
import java.nio.ByteBuffer
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import org.junit.jupiter.api.Test

class NumbersTest {
    @Test
    fun `doubles are written as Python writes them`() {
        File(TestFiles.golden, "floats.txt").readLines().forEach { line ->
            val (bits, expected) = line.split(' ')
            assertEquals(expected, CanonicalJson.python(Double.fromBits(bits.toULong(16).toLong())))
        }
    }

    @Test
    fun `halves are widened as numpy widens them`() {
        TestFiles.floats(File(TestFiles.golden, "halves.f32")).forEachIndexed { half, expected ->
            val found = halfToFloat(half.toShort())
            assertEquals(expected.isNaN(), found.isNaN())
            if (!expected.isNaN()) assertEquals(expected.toRawBits(), found.toRawBits(), "half $half")
        }
    }

    @Test
    fun `numbers are grouped`() {
        val numbers = listOf(0L, 999L, 1000L, -1234567L)
        assertEquals(listOf("0", "999", "1,000", "-1,234,567"), numbers.map { grouped(it) })
    }

    @Test
    fun `JSON is taken as strictly as Python takes it`() {
        val sound = listOf(
            "{\"a\":[1,-0,1e400,NaN,-Infinity,1.5E+3]}", " [] \n", "\"\\ud83d\\ude00\"", "{\"a\":1,\"a\":2}",
        )
        val unsound = listOf(
            "", "{", "[1,]", "{\"a\":tru}", "[01]", "[1.]", "[.5]", "[+1]", "[1.0.0]", "[-NaN]", "[nan]", "[0x10]",
            "['a']", "{a:1}", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\x41\"", "\"\u0001\"", "\"\n\"", "\u000b[]",
            "[] x", "\uFEFF[]", "// c\n[]", "[1 2]", "{\"a\" 1}",
            "[" + "9".repeat(4301) + "]", "[".repeat(202) + "]".repeat(202),
            "[\u0000]",
            "[\"a\"b]", "[1\"2\"]", "[null1]", "[truefalse]",
        )
        sound.forEach { assertNotNull(parse(it), it) }
        unsound.forEach { assertNull(parse(it), it) }
        assertNotNull(parse("[".repeat(201) + "]".repeat(201)))
        assertNull(StrictJson.parse(ByteBuffer.wrap(byteArrayOf('"'.code.toByte(), -1, '"'.code.toByte()))))
        // Surrogates are no characters of UTF-8.
        assertNull(StrictJson.parse(ByteBuffer.wrap(byteArrayOf(34, 0xED.toByte(), 0xA0.toByte(), 0x80.toByte(), 34))))
    }

    @Test
    fun `a canonical text has sorted keys and escapes`() {
        val text = "{\"\uD83D\uDE00\":1, \"\uFFFD\" : -0, \"b\": [true,null,\"\u007f\\/\\u0008\"], \"a\":3.0e0}"
        assertEquals(
            "{\"a\":3.0,\"b\":[true,null,\"\\u007f/\\b\"],\"\\ufffd\":0,\"\\ud83d\\ude00\":1}",
            CanonicalJson.write(parse(text)!!),
        )
    }

    @Test
    fun `a text of a hostile file is shown without its control characters, and not without an end`() {
        assertEquals("a b\\x1b[31m\\u200f\\r", shown("a\nb\u001b[31m\u200f\r"))
        assertEquals(1001, shown("x".repeat(5000)).length)
    }

    private fun parse(text: String) = StrictJson.parse(ByteBuffer.wrap(text.toByteArray()))
}
