package ofa.demo

import java.io.File
import ofa.core.AdaptiveRuntime
import ofa.core.Bundle
import ofa.core.Outcome
import ofa.core.Recommender
import ofa.core.RuntimeLoader
import ofa.core.Runtimes
import ofa.core.SelfTest
import ofa.core.SelfTested

/** A bundle that passed its self-test on this phone's runtime. It owns the runtime: close it, once. One thread. */
class LiveBundle private constructor(
    val bundle: Bundle,
    val selfTestSnrDb: Double,
    private val runtime: AdaptiveRuntime,
) : AutoCloseable {
    val runtimeDescription: String get() = runtime.description

    /** Adapts and ranks. */
    val adapting = Recommender(bundle, runtime)

    /** Ranks as the static net does. */
    val static = Recommender(bundle, WithoutAdaptation(runtime))

    override fun close() = runtime.close()

    companion object {
        private const val OTHER_RUNTIME = "This bundle is for "

        /** Whether `load` failed with this reason because the bundle is for another runtime. */
        fun isOfOtherRuntime(reason: String): Boolean = reason.startsWith(OTHER_RUNTIME)

        /**
         * Loads and tests a bundle.
         *
         * @param folder private to the bundle; the runtime may keep files in it.
         */
        fun load(loader: RuntimeLoader, bundle: Bundle, folder: File): Outcome<LiveBundle> {
            val made = bundle.manifest.runtime.name
            if (made != loader.name) {
                return Outcome.Failed("$OTHER_RUNTIME${titleOf(made)}, not for ${titleOf(loader.name)}.")
            }
            return when (val loaded = Runtimes(listOf(loader)).load(bundle, folder)) {
                is Outcome.Failed -> loaded
                is Outcome.Ready -> tested(bundle, loaded.value)
            }
        }

        private fun tested(bundle: Bundle, runtime: AdaptiveRuntime): Outcome<LiveBundle> =
            when (val tested = SelfTest.run(bundle, runtime)) {
                is SelfTested.Passed -> Outcome.Ready(LiveBundle(bundle, tested.report.scoreSnrDb.min(), runtime))
                is SelfTested.Failed, is SelfTested.NotRun -> {
                    runtime.close()
                    Outcome.Failed(checkNotNull(tested.problem))
                }
            }
    }
}

/** Name of a runtime for a person. */
fun titleOf(runtime: String): String = when (runtime) {
    "litert" -> "LiteRT"
    "executorch" -> "ExecuTorch"
    else -> runtime
}
