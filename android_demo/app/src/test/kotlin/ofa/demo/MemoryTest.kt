package ofa.demo

import android.content.ComponentCallbacks2
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

@RunWith(RobolectricTestRunner::class)
class MemoryTest {
    @Test
    fun `the slider drops tiles and brings them back, and bytes and list follow at once`() = Phone().use { phone ->
        phone.tap(R.id.adapt)
        val all = phone.screen.memory!!
        val complete = phone.list(R.id.after)
        val half = Expected.of("litert", "half")
        phone.slide(half.tiles)
        half.isShown(phone)
        val kept = phone.screen.memory!!
        assertTrue(kept.bytes < all.bytes)
        assertTrue(phone.text(R.id.bytes), "%,d of %,d bytes".format(kept.bytes, all.bytes) in phone.text(R.id.bytes))
        phone.slide(all.tilesAtMost)
        assertEquals(complete, phone.list(R.id.after))
        assertEquals(all, phone.screen.memory)
    }

    @Test
    fun `in the background only so many tiles stay that every product has something`() = Phone().use { phone ->
        phone.tap(R.id.adapt)
        phone.trim(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        val floor = Expected.of("litert", "floor")
        assertEquals(floor.tiles, phone.screen.memory!!.tiles)
        floor.isShown(phone)
        assertTrue(phone.text(R.id.bytes), "Android asked for memory" in phone.text(R.id.bytes))
        phone.slide(phone.screen.memory!!.tilesAtMost)
        assertFalse(phone.text(R.id.bytes), "Android asked for memory" in phone.text(R.id.bytes))
    }

    @Test
    fun `leaving the app drops nothing, running low drops half`() = Phone().use { phone ->
        val all = phone.screen.memory!!.tiles
        phone.trim(ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN)
        assertEquals(all, phone.screen.memory!!.tiles)
        phone.trim(10)
        assertEquals(all / 2, phone.screen.memory!!.tiles)
    }

    @Test
    fun `what was dropped stays dropped on the other runtime`() = Phone().use { phone ->
        phone.slide(phone.screen.memory!!.floorTiles)
        phone.tap(R.id.executorch)
        assertEquals(phone.screen.memory!!.floorTiles, phone.screen.memory!!.tiles)
    }
}
