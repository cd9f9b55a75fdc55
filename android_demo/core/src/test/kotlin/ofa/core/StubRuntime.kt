package ofa.core

/** Does [onAdapt] at adapt and nothing else; counts how often it is closed. */
class StubRuntime(bundle: Bundle, private val onAdapt: (DeviceTensors) -> Ran = { Ran.Done }) : AdaptiveRuntime {
    override val description: String = "stub"
    override val tensors: DeviceTensors = DeviceTensors.allocate(bundle.manifest.shapes)!!
    var closed: Int = 0

    override fun adapt(): Ran = onAdapt(tensors)

    override fun block(index: Int): Ran = Ran.Done

    override fun score(): Ran = Ran.Done

    override fun close() {
        closed++
    }
}
