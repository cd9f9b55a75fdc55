package ofa.demo

import android.graphics.Bitmap
import android.widget.Spinner
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

@RunWith(RobolectricTestRunner::class)
class AdaptsTest {
    @Test
    fun `the first start tests the bundle and shows a shopper, and nothing is adapted yet`() = Phone().use { phone ->
        assertTrue(phone.text(R.id.bundle), phone.text(R.id.bundle).startsWith("LiteRT 2.16.1"))
        assertTrue(phone.text(R.id.bundle), "Self-test passed on this phone" in phone.text(R.id.bundle))
        assertEquals("22693", phone.screen.history.first().key)
        assertEquals(null, phone.screen.notice)
        assertEquals(0, phone.rows(R.id.after).size)
    }

    @Test
    fun `one tap shows blocks, parameters, milliseconds and both rankings, as run does`() = Phone().use { phone ->
        phone.tap(R.id.adapt)
        Expected.of("litert").isShown(phone)
        assertTrue(phone.text(R.id.time), Regex("""[\d.]+ ms p50, [\d.]+ ms p90 of 20""") in phone.text(R.id.time))
        assertEquals("block 0 on", phone.text(R.id.gate))
        assertTrue(phone.text(R.id.moved), "from the static net" in phone.text(R.id.moved))
    }

    @Test
    fun `both runtimes answer every shopper as run does, and the screen says which`() = Phone().use { phone ->
        for ((button, runtime) in listOf(R.id.executorch to "executorch", R.id.litert to "litert")) {
            if (phone.screen.runtime != runtime) phone.tap(button)
            assertTrue(phone.text(R.id.bundle), phone.text(R.id.bundle).startsWith(titleOf(runtime)))
            for (shopper in 0 until phone.view<Spinner>(R.id.shoppers).count - 1) {
                phone.view<Spinner>(R.id.shoppers).setSelection(shopper + 1)
                phone.settle()
                phone.tap(R.id.adapt)
                Expected.of(runtime, history = shopper).isShown(phone)
            }
        }
    }

    @Test
    fun `changing the runtime answers the same history again`() = Phone().use { phone ->
        phone.tap(R.id.adapt)
        phone.tap(R.id.executorch)
        Expected.of("executorch").isShown(phone)
    }

    @Test
    fun `another shopper moves the parameters, and the screen says how far`() = Phone().use { phone ->
        phone.tap(R.id.adapt)
        val strip = drawn(phone)
        phone.view<Spinner>(R.id.shoppers).setSelection(2)
        phone.settle()
        assertEquals("another history was not adapted to", null, phone.screen.answer)
        phone.tap(R.id.adapt)
        assertTrue(phone.text(R.id.moved), "since the last history" in phone.text(R.id.moved))
        assertTrue(phone.screen.answer!!.blocks.all { it.fromLast!! > 0.1 })
        assertFalse("the strip of parameters is another", strip.sameAs(drawn(phone)))
    }

    @Test
    fun `products are found by a part of their name, added and removed`() = Phone().use { phone ->
        var found = emptyList<Product>()
        phone.activity.demo.search("harmonica red") { found = it }
        phone.activity.demo.add("21914")
        phone.settle()
        assertTrue(found.toString(), found.isNotEmpty() && found.all { "RED" in it.title && "HARMONICA" in it.title })
        assertEquals("21914", phone.screen.history.last().key)
        assertEquals("Your own history", phone.view<Spinner>(R.id.shoppers).selectedItem)
        val before = phone.screen.history
        phone.tap(R.id.remove)
        assertEquals(before.drop(1), phone.screen.history)
    }

    @Test
    fun `an empty history cannot be adapted to`() = Phone().use { phone ->
        while (phone.screen.history.isNotEmpty()) phone.tap(R.id.remove)
        assertFalse(phone.view<android.view.View>(R.id.adapt).isEnabled)
    }

    @Test
    fun `the main thread goes on while the worker works`() = Phone().use { phone ->
        phone.view<android.view.View>(R.id.adapt).performClick()
        assertTrue("the tap came back before the answer", phone.screen.busy)
        assertEquals(null, phone.screen.answer)
        phone.settle()
        assertNotEquals(null, phone.screen.answer)
    }

    private fun drawn(phone: Phone): Bitmap {
        val strip = phone.view<ThetaView>(R.id.theta)
        val picture = Bitmap.createBitmap(strip.width, strip.height, Bitmap.Config.ARGB_8888)
        strip.draw(android.graphics.Canvas(picture))
        return picture
    }
}
