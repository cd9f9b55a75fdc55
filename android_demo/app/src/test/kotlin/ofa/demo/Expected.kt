package ofa.demo

import java.io.File
import kotlin.math.abs
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue

/**
 * What `ofa-export run` answers with a bundle on the host's runtime, and how near the phone's has to come to it.
 *
 * ExecuTorch computes the same on both, up to the order of additions. LiteRT's two releases quantise activations
 * differently: their scores differ by about as much as either's from the reference (docs/phone-runtimes.md).
 */
internal class Expected private constructor(private val answer: JSONObject, private val runtime: String) {
    val gates: List<Int> get() = answer.getJSONArray("gates").let { gates -> List(gates.length(), gates::getInt) }
    val tiles: Int get() = answer.getInt("tiles")

    fun isShown(phone: Phone) {
        matches(answer.getJSONArray("before"), phone.list(R.id.before))
        matches(answer.getJSONArray("after"), phone.list(R.id.after))
        assertEquals(gates, phone.screen.answer!!.blocks.map { if (it.on) 1 else 0 })
        phone.screen.answer!!.blocks.forEachIndexed { index, block ->
            val norm = answer.getJSONArray("norms").getDouble(index)
            assertEquals("length of theta_$index", norm, block.fromStatic, norm * NORM_TOLERANCE.getValue(runtime))
        }
    }

    private fun matches(expected: JSONArray, shown: List<Pair<String, Double>>) {
        val items = List(expected.length(), expected::getJSONObject)
        val scores = items.associate { it.getString("item_id") to it.getDouble("score") }
        val tolerance = SCORE_TOLERANCE.getValue(runtime)
        // Items whose scores are nearer to each other than the tolerance may change places, or drop out at the end.
        val last = scores.values.min()
        shown.forEachIndexed { place, (key, score) ->
            val wanted = scores[key] ?: last
            assertTrue("$key scores $score instead of $wanted", abs(score - wanted) < tolerance)
            val there = items[place].getDouble("score")
            assertTrue("$key at place ${place + 1} scores $score, not $there", abs(score - there) < 2 * tolerance)
        }
        assertEquals(items.size, shown.size)
    }

    companion object {
        /** The screen shows three. */
        private const val SHOWN_DECIMALS = 5e-4
        private val SCORE_TOLERANCE = mapOf("executorch" to SHOWN_DECIMALS + 1e-4, "litert" to 0.03)
        private val NORM_TOLERANCE = mapOf("executorch" to 1e-4, "litert" to 0.03)

        /** @param table `histories` for every tile; `half`, `floor` and `session` know the first history only. */
        fun of(runtime: String, table: String = "histories", history: Int = 0): Expected {
            val all = JSONObject(File(Phone.golden, "$runtime.json").readText())
            val one = all.optJSONObject(table) ?: all.getJSONArray(table).getJSONObject(history)
            return Expected(one, runtime)
        }
    }
}
