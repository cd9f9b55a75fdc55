package ofa.demo

import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

class NativeTest {
    @Test
    fun `a library that is missing and one that the phone cannot load are told apart`() {
        val missing = UnsatisfiedLinkError("dlopen failed: library \"libexecutorch.so\" not found")
        assertEquals("This app was built without ExecuTorch.", notLoaded("ExecuTorch", missing))
        val pages = UnsatisfiedLinkError("program alignment (4096) cannot be smaller than system page size (16384)")
        assertTrue(notLoaded("LiteRT", pages).startsWith("This phone has larger memory pages"))
        assertEquals(notLoaded("LiteRT", pages), notLoaded("LiteRT", ExceptionInInitializerError(pages)))
    }
}
