package ofa.demo

import java.io.File
import java.nio.ByteOrder
import ofa.core.AdaptiveRuntime
import ofa.core.Bundle
import ofa.core.DeviceTensors
import ofa.core.GraphSpec
import ofa.core.Outcome
import ofa.core.Ran
import ofa.core.RuntimeLoader
import ofa.core.TensorSpec
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.TensorFlowLite

/** Loads the graphs of a bundle for LiteRT from where the bundle is mapped: nothing is copied. */
class LiteRtLoader : RuntimeLoader {
    override val name = "litert"

    override fun load(bundle: Bundle, tensors: DeviceTensors, folder: File): Outcome<AdaptiveRuntime> = try {
        load(bundle, tensors)
    } catch (absent: LinkageError) {
        Outcome.Failed(notLoaded("LiteRT", absent))
    } catch (refused: RuntimeException) {
        // Versions cannot be compared: LiteRT began to count at 1 after TensorFlow Lite 2.17.
        val asked = bundle.manifest.runtime.minimumVersion
        val held = TensorFlowLite.runtimeVersion()
        Outcome.Failed("LiteRT $held refuses the graphs (made for $asked or newer): ${said(refused)}")
    }

    private fun load(bundle: Bundle, tensors: DeviceTensors): Outcome<AdaptiveRuntime> {
        val graphs = bundle.graphs.order(ByteOrder.nativeOrder())
        val interpreter = Interpreter(graphs, Interpreter.Options().setNumThreads(1))
        val wrong = wrongGraph(interpreter, tensors.shapes.contract())
        if (wrong == null) return Outcome.Ready(LiteRtRuntime(interpreter, tensors))
        interpreter.close()
        return Outcome.Failed(wrong)
    }

    /** A sentence about the first graph that is not as the contract says, or null. */
    private fun wrongGraph(held: Interpreter, contract: List<GraphSpec>): String? = contract.firstNotNullOfOrNull { graph ->
        val name = graph.name
        when {
            name !in held.signatureKeys -> "The file of graphs has no $name."
            !fits(graph.inputs, held.getSignatureInputs(name)) { held.getInputTensorFromSignature(it, name).shape() } ->
                "The inputs of graph $name are not those of the manifest."
            !fits(graph.outputs, held.getSignatureOutputs(name)) { held.getOutputTensorFromSignature(it, name).shape() } ->
                "The outputs of graph $name are not those of the manifest."
            else -> null
        }
    }

    private fun fits(specs: List<TensorSpec>, held: Array<String>, shapeOf: (String) -> IntArray) =
        held.toSet() == specs.map { it.name }.toSet() && specs.all { shapeOf(it.name).toList() == it.shape }
}

/** Signatures of a `.tflite` file; inputs and outputs are bound by name. It owns the interpreter. */
private class LiteRtRuntime(
    private val interpreter: Interpreter,
    override val tensors: DeviceTensors,
) : AdaptiveRuntime {
    override val description = "LiteRT ${TensorFlowLite.runtimeVersion()}"

    private val contract = tensors.shapes.contract()
    private val adapt = Bound(contract.first())
    private val blocks = contract.drop(1).dropLast(1).map(::Bound)
    private val score = Bound(contract.last())

    override fun adapt() = adapt.run()

    override fun block(index: Int) = blocks[index].run()

    override fun score() = score.run()

    override fun close() = interpreter.close()

    /** A graph and views of the tensors that it reads and writes. */
    private inner class Bound(private val graph: GraphSpec) {
        private val inputs = views(graph.inputs)
        private val outputs = views(graph.outputs)

        fun run(): Ran {
            // LiteRT moves the position of what it writes to.
            outputs.values.forEach { it.restart() }
            return try {
                interpreter.runSignature(inputs, outputs as Map<String, Any>, graph.name)
                Ran.Done
            } catch (failed: RuntimeException) {
                Ran.Failed(graph.name, said(failed))
            }
        }

        private fun views(specs: List<TensorSpec>) = specs.associate { spec ->
            spec.name to tensors.bytes.getValue(spec.name).duplicate().order(ByteOrder.nativeOrder())
        }
    }
}
