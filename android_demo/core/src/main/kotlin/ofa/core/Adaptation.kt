package ofa.core

import kotlin.math.sqrt

/**
 * What one forward pass made of a history.
 *
 * @property gates 1 where a block is on, `[L]`.
 * @property keepLogits logits of leaving out and of keeping each block, `[L]` pairs.
 * @property blocksRun the blocks that ran, in order.
 * @property thetas generated parameters of each block, `[L][P]`; not to be written to.
 */
public class Adaptation internal constructor(
    public val gates: List<Float>,
    public val keepLogits: List<Pair<Float, Float>>,
    public val blocksRun: List<Int>,
    public val thetas: List<FloatArray>,
) {
    /** Euclidean length of each block's parameters. */
    public val thetaNorms: List<Double> get() = thetas.map { theta -> length(theta.size) { theta[it].toDouble() } }

    /** How far each block's parameters moved from [before]: the length of the difference, `[L]`. */
    public fun movedFrom(before: Adaptation): List<Double> =
        thetas.zip(before.thetas) { now, then -> length(now.size) { now[it].toDouble() - then[it] } }

    private inline fun length(size: Int, value: (Int) -> Double): Double {
        var sum = 0.0
        for (index in 0 until size) sum += value(index).let { it * it }
        return sqrt(sum)
    }
}
