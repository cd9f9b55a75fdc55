package ofa.demo

import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

/** Runs in a process of its own, which has the native library of LiteRT alone, as an app may be built. */
@RunWith(RobolectricTestRunner::class)
class WithoutExecuTorchTest {
    @Test
    fun `an app built without ExecuTorch says so, and goes on with LiteRT`() = Phone().use { phone ->
        phone.tap(R.id.adapt)
        val shown = phone.list(R.id.after)
        // The second time the class is known to be unusable, which Java reports otherwise.
        repeat(2) {
            phone.tap(R.id.executorch)
            assertEquals(Notice.Failed("This app was built without ExecuTorch."), phone.screen.notice)
            assertEquals("This app was built without ExecuTorch.", phone.text(R.id.notice))
            phone.tap(R.id.litert)
            assertEquals(null, phone.screen.notice)
            assertEquals(shown, phone.list(R.id.after))
        }
    }

    @Test
    fun `an app that starts with the runtime that it lacks takes the other one`() {
        val saved = android.os.Bundle().apply { putString("runtime", "executorch") }
        Phone(saved).use { phone -> assertTrue(phone.text(R.id.bundle), phone.text(R.id.bundle).startsWith("LiteRT")) }
    }
}
