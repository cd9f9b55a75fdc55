package ofa.core

import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

class RankingTest {
    @TestFactory
    fun `a ranking makes the calls of Python and gives its result`(): List<DynamicTest> =
        TestFiles.cases(File(TestFiles.golden, "rankings.json")).map { case ->
            dynamicTest(case.text("calls")) { check(case) }
        }

    private fun check(case: JsonObject) {
        val bundle = Bundle.open(File(case.text("bundle"))).ready()
        ReplayRuntime(bundle.manifest.shapes, File(TestFiles.golden, case.text("calls"))).use { runtime ->
            val recommender = Recommender(bundle, runtime)
            recommender.table = bundle.table.withTiles(case.int("tiles"))
            case.textOrNull("pack")?.let { recommender.useSession(pack(it)).ready() }
            val ranking = recommender.rank(case.list("history").map { it.int }, 25).ready()
            val items = recommender.items
            assertEquals(case.list("rows").map { it.int }, ranking.items.map { it.row })
            assertEquals(case.list("scores").map { it.float }, ranking.items.map { it.score })
            assertEquals(case.texts("keys"), ranking.items.map { items.key(it.row) })
            assertEquals(case.texts("titles"), ranking.items.map { items.title(it.row) })
            checkAdaptation(case, ranking.adaptation)
            assertTrue(ranking.milliseconds.total > 0)
        }
    }

    private fun checkAdaptation(case: JsonObject, adaptation: Adaptation) {
        assertEquals(case.list("gates").map { it.float }, adaptation.gates)
        assertEquals(case.list("keep_logits").map { it.float }, adaptation.keepLogits.flatMap { it.toList() })
        assertEquals(case.list("blocks_run").map { it.int }, adaptation.blocksRun)
        case.list("theta_norms").zip(adaptation.thetaNorms) { expected, norm ->
            assertEquals(expected.double, norm, 1e-9)
        }
        assertEquals(adaptation.thetaNorms.map { 0.0 }, adaptation.movedFrom(adaptation))
    }

    @Test
    fun `some rankings have ties, an item of the session and blocks that are off`() {
        val cases = TestFiles.cases(File(TestFiles.golden, "rankings.json"))
        assertTrue(cases.any { case -> case.list("scores").map { it.float }.let { it.toSet().size < it.size } })
        assertTrue(cases.any { it.textOrNull("pack") != null && "new item" in it.texts("keys") })
        assertTrue(cases.any { it.list("blocks_run").size < it.list("gates").size })
    }

    @Test
    fun `equal scores go by row, and both zeros are equal`() {
        val best = best(intArrayOf(2, 5, 6, 9, 11), floatArrayOf(-0f, 1f, 0f, 1f, -3f), 4)
        assertEquals(listOf(5, 9, 2, 6), best.map { it.row })
    }

    @Test
    fun `what cannot be ranked is said`() {
        val case = TestFiles.cases(File(TestFiles.golden, "rankings.json")).first()
        val bundle = Bundle.open(File(case.text("bundle"))).ready()
        val runtime = ReplayRuntime(bundle.manifest.shapes, File(TestFiles.golden, case.text("calls")))
        val recommender = Recommender(bundle, runtime)
        assertIs<Outcome.Failed>(recommender.rank(emptyList(), 3))
        assertIs<Outcome.Failed>(recommender.rank(listOf(bundle.items.size), 3))
        assertIs<Outcome.Failed>(recommender.score(intArrayOf(1)))
    }

    @Test
    fun `a history is found by keys and what is unknown is listed`() {
        val bundle = Bundle.open(File(TestFiles.corpus, "toy.ofab")).ready()
        val items = DeviceItems(bundle.items, pack = null)
        val keys = listOf(bundle.items.key(4), "nobody's", bundle.items.key(0))
        assertEquals(KnownHistory(listOf(4, 0), listOf("nobody's")), items.history(keys))
    }

    @Test
    fun `a pack of another user group is refused`() {
        val toy = Bundle.open(File(TestFiles.corpus, "toy.ofab")).ready()
        val sample = TestFiles.cases(File(TestFiles.golden, "rankings.json")).last { it.textOrNull("pack") != null }
        assertIs<Opened.Rejected>(pack(sample.text("pack")).problemWith(toy.manifest))
    }

    private fun pack(name: String) = SessionPack.open(File(TestFiles.golden, name)).ready()

    private fun JsonObject.texts(name: String) = list(name).map { it.jsonPrimitive.content }
}
