package ofa.core

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/**
 * The five numbers that fix every tensor.
 *
 * @property candidates C, items that one call of `score` takes.
 * @property depth L, backbone blocks.
 * @property historyLength T, items that `adapt` looks at.
 * @property thetaSize P, parameters that are generated for one block.
 * @property width d, values of an embedding.
 */
@Serializable
public data class Shapes(
    val candidates: Int,
    val depth: Int,
    @SerialName("history_length") val historyLength: Int,
    @SerialName("theta_size") val thetaSize: Int,
    val width: Int,
) {
    init {
        requireRange("shapes.candidates", candidates, 1..65536)
        requireRange("shapes.depth", depth, 1..64)
        requireRange("shapes.history_length", historyLength, 1..4096)
        requireRange("shapes.theta_size", thetaSize, 1..(1 shl 24))
        requireWidth("shapes.width", width)
        require(maxOf(historyLength, candidates).toLong() * width <= 1 shl 24) {
            "history_length x width and candidates x width must not exceed 2^24 values"
        }
    }

    /** The graphs `adapt`, `block_0` … `block_{L-1}`, `score`, with their inputs and outputs in binding order. */
    public fun contract(): List<GraphSpec> {
        val hidden = floats("hidden", listOf(1, historyLength, width))
        val length = TensorSpec("int32", "length", listOf(1))
        val thetas = List(depth) { floats("theta_$it", listOf(1, thetaSize)) }
        val gates = listOf(floats("gates", listOf(1, depth)), floats("keep_logits", listOf(1, depth, 2)))
        val history = floats("history", listOf(1, historyLength, width))
        val items = floats("candidates", listOf(1, candidates, width))
        val scores = floats("scores", listOf(1, candidates))
        return buildList {
            add(GraphSpec(listOf(history, length), "adapt", listOf(hidden) + gates + thetas))
            repeat(depth) { add(GraphSpec(listOf(hidden, length, thetas[it]), "block_$it", listOf(hidden))) }
            add(GraphSpec(listOf(hidden, items), "score", listOf(scores)))
        }
    }
}

/** One graph of the bundle: inputs and outputs by name, in the order that binds where a runtime has positions only. */
@Serializable
public data class GraphSpec(val inputs: List<TensorSpec>, val name: String, val outputs: List<TensorSpec>)

/** Name, static shape and element type (`float32` or `int32`) of one input or output. */
@Serializable
public data class TensorSpec(val dtype: String, val name: String, val shape: List<Int>)

private fun floats(name: String, shape: List<Int>) = TensorSpec("float32", name, shape)

internal fun requireWidth(field: String, width: Int) =
    require(width in 8..4096 && width % BLOCK_WIDTH == 0) { "$field must be a multiple of 8 up to 4096, not $width" }

internal const val BLOCK_WIDTH = 8
internal const val PLANES = 8
