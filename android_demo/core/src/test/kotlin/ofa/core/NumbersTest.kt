package ofa.core

import java.io.File
import kotlin.test.assertEquals
import org.junit.jupiter.api.Test

class NumbersTest {
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
}
