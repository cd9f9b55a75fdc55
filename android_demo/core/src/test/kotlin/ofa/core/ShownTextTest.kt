package ofa.core

import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import org.junit.jupiter.api.Test

class ShownTextTest {
    @Test
    fun `texts are shown as in Python, and shown twice they stay`() {
        for (case in TestFiles.cases(File(TestFiles.golden, "shown.json"))) {
            val (text, expected) = case.text("text") to case.text("shown")
            assertEquals(expected, shown(text))
            assertEquals(expected, shown(expected))
        }
    }

    @Test
    fun `a text without an end has one, and says how long it was`() {
        val text = shown("Refused: " + "x\n".repeat(2_000_000) + "Choose another.")
        assertTrue(text.startsWith("Refused: x x x"))
        assertTrue(" … [cut: 4,000,024 characters] … " in text)
        assertTrue(text.endsWith("x Choose another."))
        assertEquals(1000, text.length)
    }

    @Test
    fun `a failure says what it quotes harmlessly`() {
        assertEquals("Graph a\\x1b[2J b\\u202e", Outcome.Failed("Graph a\u001b[2J\nb\u202e").reason)
    }
}
