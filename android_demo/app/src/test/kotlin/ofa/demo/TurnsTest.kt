package ofa.demo

import android.view.View
import android.widget.Button
import android.widget.LinearLayout
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotSame
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
class TurnsTest {
    @Test
    @Config(qualifiers = "w411dp-h891dp-port")
    fun `turning the phone keeps everything and shows two columns`() = Phone().use { phone ->
        phone.tap(R.id.executorch)
        phone.tap(R.id.adapt)
        phone.slide(phone.screen.memory!!.floorTiles + 20)
        val (activity, demo, screen) = Triple(phone.activity, phone.activity.demo, phone.screen)
        val shown = phone.list(R.id.after)
        phone.turn("w891dp-h411dp-land")
        assertNotSame("there is a new activity", activity, phone.activity)
        assertSame("what is behind it lives on", demo, phone.activity.demo)
        assertSame("nothing was computed again", screen.answer, phone.screen.answer)
        assertEquals(shown, phone.list(R.id.after))
        assertEquals(LinearLayout.HORIZONTAL, phone.view<LinearLayout>(R.id.root).orientation)
        phone.tap(R.id.adapt)
        assertEquals("it still works", shown, phone.list(R.id.after))
    }

    @Test
    fun `an app that Android ended comes back as it was left`() {
        val (saved, shown) = Phone().use { phone ->
            phone.tap(R.id.executorch)
            phone.activity.demo.add("21914")
            phone.tap(R.id.adapt)
            phone.slide(phone.screen.memory!!.floorTiles + 20)
            phone.saved() to phone.list(R.id.after)
        }
        Phone(saved).use { phone ->
            assertEquals("executorch", phone.screen.runtime)
            assertEquals("21914", phone.screen.history.last().key)
            assertEquals(shown, phone.list(R.id.after))
        }
    }

    @Test
    @Config(qualifiers = "w411dp-h891dp-port")
    fun `large letters put the lists below each other`() {
        RuntimeEnvironment.setFontScale(1.6f)
        Phone().use { phone ->
            phone.tap(R.id.adapt)
            assertEquals(LinearLayout.VERTICAL, phone.view<LinearLayout>(R.id.rankings).orientation)
        }
    }

    @Test
    @Config(qualifiers = "w411dp-h2400dp-port")
    fun `everything that can be touched is large enough and has a name`() = Phone().use { phone ->
        phone.tap(R.id.adapt)
        val least = 48 * phone.activity.resources.displayMetrics.density
        val all = phone.activity.window.decorView.tree()
        val touched = all.filter { it.isClickable && it.isShown && it.isEnabled }.toList()
        assertTrue(touched.size > 10)
        for (view in touched) {
            val name = view.contentDescription ?: (view as? Button)?.text
            assertTrue("$view has no name", !name.isNullOrBlank())
            assertTrue("$view is small: ${view.width} x ${view.height}", minOf(view.height, view.width) >= least - 1)
        }
    }

    @Test
    fun `a screen reader hears places, moves and blocks`() = Phone().use { phone ->
        phone.tap(R.id.adapt)
        val first = phone.rows(R.id.after).first().contentDescription
        assertTrue("$first", Regex("""Place 1: .+, score [\d.]+, (up|down|unchanged|new).*""").matches(first))
        assertTrue(phone.view<View>(R.id.tiles).contentDescription.contains("tiles are in memory"))
        assertEquals("Shopper: Tea, cakes and candles", phone.view<View>(R.id.shoppers).contentDescription)
        val block = phone.view<android.view.ViewGroup>(R.id.blocks).getChildAt(0).contentDescription
        assertTrue("$block", block.startsWith("block 0 on, margin +"))
    }
}
