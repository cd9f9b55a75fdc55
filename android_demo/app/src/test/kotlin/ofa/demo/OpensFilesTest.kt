package ofa.demo

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

@RunWith(RobolectricTestRunner::class)
class OpensFilesTest {
    @Test
    fun `a bundle from a file is verified, tested active, and rolled back`() = Phone().use { phone ->
        phone.trim(10)
        phone.open("litert.ofab")
        assertFalse("all tiles of the bundle are back", phone.screen.memory!!.trimmed)
        phone.tap(R.id.adapt)
        val first = phone.screen.bundle!!.bytes
        val shown = phone.list(R.id.after)
        phone.open("smaller.ofab")
        assertEquals(File(Phone.golden, "smaller.ofab").length(), phone.screen.bundle!!.bytes)
        assertTrue(phone.text(R.id.notice), "now active" in phone.text(R.id.notice))
        assertTrue("it answers", phone.list(R.id.after).size == 10)
        phone.tap(R.id.roll_back)
        assertEquals(first, phone.screen.bundle!!.bytes)
        assertEquals(shown, phone.list(R.id.after))
    }

    @Test
    fun `a file that cannot be trusted says why, and what was active stays`() = Phone().use { phone ->
        phone.tap(R.id.adapt)
        val (bundle, shown) = phone.screen.bundle to phone.list(R.id.after)
        val reasons = mapOf(
            "executorch.ofab" to "This bundle is for ExecuTorch, not for LiteRT.",
            "newer-schema.ofab" to "3.0",
            "truncated.ofab" to "Refused",
            "wrong-selftest.ofab" to "dB",
        )
        for ((file, reason) in reasons) {
            phone.open(file)
            assertTrue("$file: ${phone.text(R.id.notice)}", reason in phone.text(R.id.notice))
            assertTrue(phone.text(R.id.notice), "what was active stays" in phone.text(R.id.notice))
            assertEquals(bundle, phone.screen.bundle)
            assertEquals(shown, phone.list(R.id.after))
        }
    }

    @Test
    fun `what was refused is not there after a restart, what was opened is`() {
        Phone().use { phone ->
            phone.open("smaller.ofab")
            phone.open("truncated.ofab")
        }
        Phone().use { phone -> assertEquals(File(Phone.golden, "smaller.ofab").length(), phone.screen.bundle!!.bytes) }
    }

    @Test
    fun `a delta makes the larger bundle of the smaller one`() = Phone().use { phone ->
        phone.open("smaller.ofab")
        phone.open("larger.ofad")
        assertEquals(File(Phone.golden, "litert.ofab").length(), phone.screen.bundle!!.bytes)
        phone.open("larger.ofad")
        assertTrue(phone.text(R.id.notice), "what was active stays" in phone.text(R.id.notice))
    }

    @Test
    fun `a session pack changes the ranking until the session ends`() = Phone().use { phone ->
        phone.tap(R.id.adapt)
        val without = phone.list(R.id.after)
        phone.open("session.ofas")
        assertTrue(phone.text(R.id.notice), "session pack" in phone.text(R.id.notice))
        assertTrue(phone.text(R.id.bundle), "Session pack: 32 products" in phone.text(R.id.bundle))
        Expected.of("litert", "session").isShown(phone)
        phone.activity.demo.endSession()
        phone.settle()
        assertEquals(without, phone.list(R.id.after))
    }

    @Test
    fun `there is nothing to roll back to at first, and the screen says so`() = Phone().use { phone ->
        val bundle = phone.screen.bundle
        phone.tap(R.id.roll_back)
        assertTrue(phone.screen.notice!!.alarming)
        assertEquals(bundle, phone.screen.bundle)
    }
}
