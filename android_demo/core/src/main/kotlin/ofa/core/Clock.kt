package ofa.core

/** Adds up where time goes, in nanoseconds. */
internal class Clock {
    enum class Part { LOOKUP, ADAPT, BLOCKS, SCORE, SORT }

    private val spent = LongArray(Part.entries.size)

    inline fun <T> during(part: Part, work: () -> T): T {
        val start = System.nanoTime()
        try {
            return work()
        } finally {
            add(part, System.nanoTime() - start)
        }
    }

    fun add(part: Part, nanoseconds: Long) {
        spent[part.ordinal] += nanoseconds
    }

    /** What was spent since this was asked last. */
    fun take(): Milliseconds {
        fun of(part: Part) = spent[part.ordinal] / 1e6
        return Milliseconds(of(Part.LOOKUP), of(Part.ADAPT), of(Part.BLOCKS), of(Part.SCORE), of(Part.SORT))
            .also { spent.fill(0) }
    }
}
