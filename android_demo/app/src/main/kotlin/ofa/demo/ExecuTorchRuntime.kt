package ofa.demo

import java.io.File
import ofa.core.AdaptiveRuntime
import ofa.core.Bundle
import ofa.core.DeviceTensors
import ofa.core.GraphSpec
import ofa.core.Outcome
import ofa.core.Ran
import ofa.core.RuntimeLoader
import ofa.core.TensorSpec
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

/** Loads the graphs of a bundle for ExecuTorch, whose Java API opens a path: they are copied out of the bundle. */
class ExecuTorchLoader : RuntimeLoader {
    override val name = "executorch"

    override fun load(bundle: Bundle, tensors: DeviceTensors, folder: File): Outcome<AdaptiveRuntime> =
        when (val copied = bundle.copyGraphs(folder)) {
            is Outcome.Failed -> Outcome.Failed(copied.reason)
            is Outcome.Ready -> load(copied.value, tensors)
        }

    private fun load(graphs: File, tensors: DeviceTensors): Outcome<AdaptiveRuntime> = try {
        val module = Module.load(graphs.path, Module.LOAD_MODE_MMAP, THREADS)
        val wrong = wrongGraph(module, tensors.shapes.contract())
        if (wrong == null) {
            Outcome.Ready(ExecuTorchRuntime(module, tensors))
        } else {
            module.destroy()
            Outcome.Failed(wrong)
        }
    } catch (absent: LinkageError) {
        Outcome.Failed(notLoaded("ExecuTorch", absent))
    } catch (refused: RuntimeException) {
        Outcome.Failed("ExecuTorch refuses the graphs: ${said(refused)}")
    }

    /** A sentence about the first graph that cannot be used, or null. */
    private fun wrongGraph(module: Module, contract: List<GraphSpec>): String? {
        val held = module.methods
        return contract.firstNotNullOfOrNull { graph ->
            if (graph.name !in held) return@firstNotNullOfOrNull "The file of graphs has no ${graph.name}."
            val error = module.loadMethod(graph.name)
            if (error == 0) return@firstNotNullOfOrNull null
            "ExecuTorch cannot load graph ${graph.name}: error $error. ${module.readLogBuffer().joinToString(" ")}"
        }
    }

    private companion object {
        const val THREADS = 1
    }
}

/** Methods of a `.pte` file; its Java API knows no names of tensors: the manifest's order binds. It owns the module. */
private class ExecuTorchRuntime(private val module: Module, override val tensors: DeviceTensors) : AdaptiveRuntime {
    override val description = "ExecuTorch"

    private val contract = tensors.shapes.contract()
    private val adapt = Bound(contract.first())
    private val blocks = contract.drop(1).dropLast(1).map(::Bound)
    private val score = Bound(contract.last())

    override fun adapt() = adapt.run()

    override fun block(index: Int) = blocks[index].run()

    override fun score() = score.run()

    override fun close() = module.destroy()

    /** A graph, views of the tensors that it reads, and where its outputs go. */
    private inner class Bound(private val graph: GraphSpec) {
        private val inputs = graph.inputs.map { EValue.from(view(it)) }.toTypedArray()
        private val outputs = graph.outputs.map { tensors.bytes.getValue(it.name).asFloatBuffer() }

        fun run(): Ran = try {
            val found = module.execute(graph.name, *inputs)
            if (found.size == outputs.size) copied(found) else failed("it gave ${found.size} of ${outputs.size} outputs")
        } catch (failed: RuntimeException) {
            failed(said(failed))
        }

        private fun failed(reason: String) = Ran.Failed(graph.name, reason)

        private fun copied(found: Array<EValue>): Ran {
            graph.outputs.forEachIndexed { index, spec ->
                val tensor = found[index].toTensor()
                if (tensor.shape().map(Long::toInt) != spec.shape) {
                    return failed("${spec.name} has another shape than the manifest says")
                }
                outputs[index].restart()
                outputs[index].put(tensor.dataAsFloatArray)
            }
            return Ran.Done
        }

        private fun view(spec: TensorSpec): Tensor {
            val shape = spec.shape.map(Int::toLong).toLongArray()
            val bytes = tensors.bytes.getValue(spec.name)
            return when (spec.dtype) {
                "int32" -> Tensor.fromBlob(bytes.asIntBuffer(), shape)
                else -> Tensor.fromBlob(bytes.asFloatBuffer(), shape)
            }
        }
    }
}
