package ofa.core

import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNull
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** The example of the README, with graphs that give the outputs that the self-test expects. */
class RecommendationsTest {
    @TempDir
    lateinit var scratch: File

    @Test
    fun `the example of the README works`() {
        val case = TestFiles.cases(File(TestFiles.golden, "selftests.json")).first { it.text("passed") == "true" }
        val calls = File(TestFiles.golden, case.text("calls"))
        val loader = object : RuntimeLoader {
            override val name = Bundle.open(File(case.text("bundle"))).ready().manifest.runtime.name

            override fun load(bundle: Bundle, tensors: DeviceTensors, folder: File): Outcome<AdaptiveRuntime> =
                Outcome.Ready(ReplayRuntime(bundle.manifest.shapes, calls, isStrict = false))
        }
        Recommendations(File(scratch, "bundles"), listOf(loader)).use { recommendations ->
            assertEquals("There is no bundle yet.", recommendations.open())
            assertNull(recommendations.rank(listOf("K1")))
            assertNull(File(case.text("bundle")).inputStream().use(recommendations::import))
            recommendations.keepBytes(0)
            assertIs<Outcome.Ready<Ranking>>(recommendations.rank(listOf("K1", "K7", "nobody's")))
        }
    }
}
