package ofa.demo

import org.junit.Assert.assertEquals
import org.junit.Test

class TimingTest {
    @Test
    fun `half and nine tenths of the passes took less`() {
        val timing = Timing.of((1..20).map(Int::toDouble).shuffled(), ranking = 3.0)
        assertEquals(11.0, timing.p50, 0.0)
        assertEquals(19.0, timing.p90, 0.0)
    }

    @Test
    fun `one pass is its own quantile`() {
        assertEquals(2.0, Timing.of(listOf(2.0), ranking = 3.0).p90, 0.0)
    }
}
