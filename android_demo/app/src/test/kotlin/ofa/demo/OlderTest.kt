package ofa.demo

import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test

class OlderTest {
    @Test
    fun `versions are compared number by number`() {
        assertTrue(older("2.16.1", "2.17"))
        assertTrue(older("2.9", "2.16.1"))
        assertFalse(older("2.16.1", "2.16.1"))
        assertFalse(older("2.16.1", "2.16"))
        assertFalse(older("3", "2.16.1"))
    }

    @Test
    fun `half and nine tenths of the passes took less`() {
        val timing = Timing.of((1..20).map(Int::toDouble).shuffled(), 3.0)
        assertEquals(11.0, timing.p50, 0.0)
        assertEquals(19.0, timing.p90, 0.0)
    }
}
