package ofa.core

import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import org.junit.jupiter.api.Test

class DeviceTensorsTest {
    private val shapes = Shapes(historyLength = 3, width = 8, depth = 2, candidates = 4, thetaSize = 5)

    @Test
    fun `every tensor of the contract has memory under its name`() {
        val tensors = assertNotNull(DeviceTensors.allocate(shapes))
        val names = shapes.contract().flatMap { it.inputs + it.outputs }
        names.forEach {
            assertEquals(4 * it.shape.reduce(Int::times), tensors.bytes.getValue(it.name).capacity(), it.name)
        }
        assertEquals(DeviceTensors.bytesOf(shapes), tensors.bytes.values.sumOf { it.capacity().toLong() })
        tensors.thetas[1].put(4, 7f)
        assertEquals(7f, tensors.bytes.getValue("theta_1").asFloatBuffer().get(4))
        assertTrue(tensors.bytes.values.all { it.isDirect })
    }

    @Test
    fun `tensors that no phone has memory for are not allocated`() {
        assertNull(DeviceTensors.allocate(shapes.copy(depth = 64, thetaSize = 1 shl 24)))
    }

    @Test
    fun `what to expect of some tiles is what was measured with as many or fewer`() {
        val byTiles = listOf(TilesQuality("0.1000", tiles = 10), TilesQuality("0.2000", tiles = 20))
        val quality = NdcgAt10(byTiles, fullTable = "0.2100")
        assertEquals(listOf(null, "0.1000", "0.1000", "0.2000"), listOf(9, 10, 19, 1000).map(quality::expected))
    }
}
