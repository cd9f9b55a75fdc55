package ofa.core

/**
 * The five numbers that fix every tensor.
 *
 * @property historyLength T, items that `adapt` looks at.
 * @property width d, values of an embedding.
 * @property depth L, backbone blocks.
 * @property candidates C, items that one call of `score` takes.
 * @property thetaSize P, parameters that are generated for one block.
 */
public data class Shapes(
    val historyLength: Int,
    val width: Int,
    val depth: Int,
    val candidates: Int,
    val thetaSize: Int,
) {
    /** The graphs `adapt`, `block_0` … `block_{L-1}`, `score`, with their inputs and outputs in binding order. */
    public fun contract(): List<GraphSpec> {
        val hidden = TensorSpec("hidden", listOf(1, historyLength, width))
        val length = TensorSpec("length", listOf(1), "int32")
        val thetas = List(depth) { TensorSpec("theta_$it", listOf(1, thetaSize)) }
        val gates = listOf(TensorSpec("gates", listOf(1, depth)), TensorSpec("keep_logits", listOf(1, depth, 2)))
        val history = TensorSpec("history", listOf(1, historyLength, width))
        val items = TensorSpec("candidates", listOf(1, candidates, width))
        val scores = TensorSpec("scores", listOf(1, candidates))
        return buildList {
            add(GraphSpec("adapt", listOf(history, length), listOf(hidden) + gates + thetas))
            repeat(depth) { add(GraphSpec("block_$it", listOf(hidden, length, thetas[it]), listOf(hidden))) }
            add(GraphSpec("score", listOf(hidden, items), listOf(scores)))
        }
    }
}

/** One graph of the bundle: inputs and outputs by name, in the order that binds where a runtime has positions only. */
public data class GraphSpec(val name: String, val inputs: List<TensorSpec>, val outputs: List<TensorSpec>)

/** Name, static shape and element type (`float32` or `int32`) of one input or output. */
public data class TensorSpec(val name: String, val shape: List<Int>, val dtype: String = "float32")

internal const val BLOCK_WIDTH = 8
internal const val PLANES = 8
