package ofa.core

import java.io.File

/** The runtimes that an app has, by the name that manifests give them; also the trial of a [BundleStore]. */
public class Runtimes(private val loaders: List<RuntimeLoader>) : BundleStore.Trial {
    /**
     * Load the graphs of a bundle on its runtime; whoever asks closes what comes back.
     *
     * @param folder private to the bundle; the runtime may keep files there.
     */
    public fun load(bundle: Bundle, folder: File): Outcome<AdaptiveRuntime> {
        val name = bundle.manifest.runtime.name
        val loader = loaders.find { it.name == name }
            ?: return Outcome.Failed("The bundle is for the runtime ${shown(name)}; this app has ${names()}.")
        val tensors = DeviceTensors.allocate(bundle.manifest.shapes)
            ?: return Outcome.Failed(
                "Its graphs need ${grouped(DeviceTensors.bytesOf(bundle.manifest.shapes))} bytes for their tensors; " +
                    "${grouped(DeviceTensors.MAX_BYTES)} are allowed.",
            )
        return loader.load(bundle, tensors, folder)
    }

    /** Loads a bundle, runs its self-test and closes it. */
    override fun problem(bundle: Bundle, folder: File): String? =
        when (val loaded = load(bundle, folder)) {
            is Outcome.Failed -> loaded.reason
            is Outcome.Ready -> loaded.value.use { SelfTest.run(bundle, it).problem }
        }

    private fun names() = loaders.joinToString(" and ") { it.name }.ifEmpty { "none" }
}
