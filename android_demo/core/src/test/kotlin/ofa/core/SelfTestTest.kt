package ofa.core

import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.jsonArray
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

class SelfTestTest {
    @TestFactory
    fun `the self-test finds what Python finds`(): List<DynamicTest> =
        TestFiles.cases(File(TestFiles.golden, "selftests.json")).map { case ->
            dynamicTest(case.text("calls")) {
                val bundle = Bundle.open(File(case.text("bundle"))).ready()
                val tested = ReplayRuntime(bundle.manifest.shapes, File(TestFiles.golden, case.text("calls")))
                    .use { SelfTest.run(bundle, it) }
                val report = if (case.text("passed") == "true") {
                    assertIs<SelfTested.Passed>(tested).report
                } else {
                    assertTrue(tested.problem!!.startsWith("Self-test: "))
                    assertIs<SelfTested.Failed>(tested).report
                }
                val flipped = report.flippedGates.map { listOf(it.case.toFloat(), it.block.toFloat(), it.margin) }
                assertEquals(case.list("flipped").map { gate -> gate.jsonArray.map { it.float } }, flipped)
                assertEquals(case.list("wrong_items").map { it.int }, report.wrongTileItems)
                case.list("snr_db").zip(report.scoreSnrDb) { expected, found ->
                    assertEquals(if (expected is JsonNull) Double.POSITIVE_INFINITY else expected.double, found, 1e-9)
                }
            }
        }

    @Test
    fun `codes that are not the expected ones are found at every number of tiles`() {
        val bundle = Bundle.open(File(TestFiles.corpus, "toy.ofab")).ready()
        val item = bundle.selfTest.tileItems.first()
        for (tiles in 0..bundle.table.availableTiles) {
            val table = bundle.table.withTiles(tiles)
            val (found, planes) = table.codes(item) to table.planes(item)
            assertEquals(found.indices.map { bundle.selfTest.tileCodes[0][it] ushr (8 - planes[it]) }, found.asList())
        }
    }

    @Test
    fun `a runtime that gives up or returns no numbers does not pass`() {
        val bundle = Bundle.open(File(TestFiles.corpus, "toy.ofab")).ready()
        val tired = StubRuntime(bundle) { Ran.Failed("adapt", "no") }
        assertEquals("Graph adapt failed: no", SelfTest.run(bundle, tired).problem)
        val broken = StubRuntime(bundle) { tensors ->
            tensors.thetas[0].put(0, Float.NaN)
            Ran.Done
        }
        val problem = "Graph adapt returned values in theta_0 that are not finite."
        assertEquals(problem, SelfTest.run(bundle, broken).problem)
    }
}
