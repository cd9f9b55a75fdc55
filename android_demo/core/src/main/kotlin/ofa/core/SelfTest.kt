package ofa.core

import kotlin.math.log10
import kotlin.math.round

/** The self-test that a bundle carries: the phone runs it before it activates the bundle. */
public object SelfTest {
    /** Compare this phone with the reference; [runtime] was loaded for [bundle]. */
    public fun run(bundle: Bundle, runtime: AdaptiveRuntime): SelfTested {
        val test = bundle.selfTest
        val recommender = Recommender(bundle, runtime)
        val flipped = ArrayList<FlippedGate>()
        val snrDb = List(test.cases) { case ->
            when (val adapted = recommender.adaptToEmbeddings(test.history(case))) {
                is Outcome.Ready -> flipped += flipped(test, case, adapted.value)
                is Outcome.Failed -> return SelfTested.NotRun(adapted.reason)
            }
            when (val scores = recommender.scoreEmbeddings(test.candidates)) {
                is Outcome.Ready -> signalToNoiseDb(test.scores[case], scores.value)
                is Outcome.Failed -> return SelfTested.NotRun(scores.reason)
            }
        }
        val report = SelfTestReport(flipped, snrDb, bundle.manifest.selfTest.minSnrDb, wrongItems(test, bundle.table))
        return if (report.passed) SelfTested.Passed(report) else SelfTested.Failed(report)
    }

    private fun flipped(test: SelfTestVectors, case: Int, adaptation: Adaptation): List<FlippedGate> =
        adaptation.gates.indices.filter { adaptation.gates[it] != test.gates[case][it] }.map { block ->
            val logits = test.keepLogits[case]
            FlippedGate(case, block, margin = logits[2 * block + 1] - logits[2 * block])
        }

    private fun wrongItems(test: SelfTestVectors, table: EmbeddingTable): List<Int> =
        test.tileItems.indices.filter { index ->
            val row = test.tileItems[index]
            val planes = table.planes(row)
            val codes = table.codes(row)
            codes.indices.any { codes[it] != test.tileCodes[index][it] ushr (PLANES - planes[it]) }
        }.map { test.tileItems[it] }

    /** 10 log10(sum reference^2 / sum (value - reference)^2), in decibels; infinite when the two are equal. */
    internal fun signalToNoiseDb(reference: FloatArray, value: FloatArray): Double {
        val noise = reference.indices.sumOf { index -> (value[index].toDouble() - reference[index]).let { it * it } }
        val signal = reference.sumOf { it.toDouble() * it }
        return when {
            noise == 0.0 -> Double.POSITIVE_INFINITY
            signal > 0 -> 10 * log10(signal / noise)
            else -> Double.NEGATIVE_INFINITY
        }
    }
}

/** What the self-test found. */
public sealed interface SelfTested {
    /** The bundle may be used on this phone. */
    public data class Passed(val report: SelfTestReport) : SelfTested

    /** Its outputs are not those of the reference: it must not be used. */
    public data class Failed(val report: SelfTestReport) : SelfTested

    /** The runtime gave up, or returned numbers that are not finite: it must not be used. */
    public data class NotRun(val reason: String) : SelfTested

    /** Why the bundle must not be used, as a sentence; null if it may. */
    public val problem: String?
        get() = when (this) {
            is Passed -> null
            is Failed -> report.sentence
            is NotRun -> reason
        }
}

/**
 * How far this phone is from the reference.
 *
 * @property flippedGates gates that differ; none may.
 * @property scoreSnrDb signal-to-noise ratio of the scores of each case, infinite where they are equal.
 * @property minSnrDb what each case must reach.
 * @property wrongTileItems rows whose codes are not the expected ones, as far as their planes are present; none may be.
 */
public data class SelfTestReport(
    val flippedGates: List<FlippedGate>,
    val scoreSnrDb: List<Double>,
    val minSnrDb: Double,
    val wrongTileItems: List<Int>,
) {
    /** Whether the bundle may be used. */
    public val passed: Boolean
        get() = flippedGates.isEmpty() && wrongTileItems.isEmpty() && scoreSnrDb.min() >= minSnrDb

    /** The first thing that is wrong, or the worst ratio. */
    public val sentence: String
        get() {
            val gate = flippedGates.firstOrNull()
            val worst = scoreSnrDb.min()
            return when {
                gate != null ->
                    "Self-test: in case ${gate.case} the gate of block ${gate.block} is not what the reference says " +
                        "(margin ${gate.margin})."
                wrongTileItems.isNotEmpty() -> "Self-test: the codes of item ${wrongTileItems.first()} are wrong."
                else -> "Self-test: the scores reach ${round(10 * worst) / 10} dB, needed are $minSnrDb."
            }
        }
}

/** A gate that is not the reference's; a [margin] (keep logit minus leave logit) near 0 was a close decision. */
public data class FlippedGate(val case: Int, val block: Int, val margin: Float)
