package ofa.demo

import android.graphics.Bitmap
import java.io.File
import org.junit.Assume.assumeTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

/** Draws the pictures of the README; only when the property `screenshots` names a folder. */
@RunWith(RobolectricTestRunner::class)
class ScreenshotsTest {
    private val folder: String = System.getProperty("screenshots").orEmpty()

    @Before
    fun asked() = assumeTrue(folder.isNotEmpty())

    @Test
    @Config(qualifiers = "w411dp-h1720dp-port-notnight-hdpi")
    fun light() = picture("portrait-light") { adapted() }

    @Test
    @Config(qualifiers = "w411dp-h1720dp-port-night-hdpi")
    fun dark() = picture("portrait-dark") {
        adapted()
        view<android.widget.Spinner>(R.id.shoppers).setSelection(3)
        settle()
        tap(R.id.adapt)
        slide(screen.memory!!.tilesAtMost / 4)
    }

    @Test
    @Config(qualifiers = "w891dp-h411dp-land-notnight-hdpi")
    fun landscape() = picture("landscape") {
        tap(R.id.executorch)
        adapted()
        trim(10)
    }

    @Test
    @Config(qualifiers = "w411dp-h2400dp-port-notnight-hdpi")
    fun largeLetters() {
        RuntimeEnvironment.setFontScale(1.6f)
        picture("large-letters") { adapted() }
    }

    @Test
    @Config(qualifiers = "w411dp-h891dp-port-night-hdpi")
    fun refused() = picture("refused") {
        adapted()
        open("wrong-selftest.ofab")
    }

    private fun Phone.adapted() = tap(R.id.adapt)

    private fun picture(name: String, prepared: Phone.() -> Unit): Unit = Phone().use { phone ->
        phone.prepared()
        File(folder).mkdirs()
        val file = File(folder, "$name.png")
        val written = file.outputStream().use { phone.picture().compress(Bitmap.CompressFormat.PNG, 100, it) }
        check(written)
    }
}
