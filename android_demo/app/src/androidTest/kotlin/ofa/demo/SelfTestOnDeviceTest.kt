package ofa.demo

import androidx.test.platform.app.InstrumentationRegistry
import java.io.File
import ofa.core.Outcome
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** On a phone: every bundle that the app carries passes its self-test there, and answers every shopper. */
class SelfTestOnDeviceTest {
    private val context = InstrumentationRegistry.getInstrumentation().targetContext
    private val shipped = ShippedAssets(context.assets)
    private val loaders = listOf(LiteRtLoader(), ExecuTorchLoader())

    @Test
    fun everyBundlePassesItsSelfTestAndAnswers() {
        assertTrue("put a bundle into src/main/assets/bundles first", shipped.names().isNotEmpty())
        shipped.names().forEach(::passesAndAnswers)
    }

    private fun passesAndAnswers(name: String) {
        val home = File(context.cacheDir, "test-$name").apply { deleteRecursively() }
        val notices = loaders.map { loader ->
            Engine(home, context.cacheDir, listOf(loader), shipped).use { engine ->
                engine.openShipped(name).also { if (it is Notice.Activated) answers(engine, name) }
            }
        }
        assertEquals("$name: $notices", 1, notices.count { it is Notice.Activated })
        home.deleteRecursively()
    }

    private fun answers(engine: Engine, name: String) {
        val shoppers = context.resources.openRawResource(R.raw.shoppers).bufferedReader().use(Shopper::read)
        for (shopper in shoppers) {
            val answer = engine.answer(shopper.history, timing = null)
            val shown = (answer as? Outcome.Ready)?.value?.after.orEmpty()
            assertEquals("$name, ${shopper.name}: $answer", Engine.SHOWN, shown.size)
        }
    }
}
