package ofa.demo

import ofa.core.AdaptiveRuntime
import ofa.core.Ran

/**
 * The static net inside a bundle: every block runs, with generated parameters of zero. The list "before" is its answer.
 *
 * It shares the runtime's buffers, so what was adapted is gone after it ran; the owner of the runtime closes it.
 */
class WithoutAdaptation(private val runtime: AdaptiveRuntime) : AdaptiveRuntime by runtime {
    override fun adapt(): Ran {
        // What only embeds the history is a part of the same graph, so it runs; what it generated is not used.
        val ran = runtime.adapt()
        val depth = tensors.shapes.depth
        repeat(depth) { tensors.gates.put(it, 1f) }
        tensors.thetas.forEach { theta -> repeat(tensors.shapes.thetaSize) { theta.put(it, 0f) } }
        return ran
    }

    override fun close() = Unit
}
