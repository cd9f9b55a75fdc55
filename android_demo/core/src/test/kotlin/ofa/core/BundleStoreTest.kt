package ofa.core

import java.io.ByteArrayInputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.util.concurrent.CountDownLatch
import kotlin.concurrent.thread
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.io.TempDir

class BundleStoreTest {
    @TempDir
    lateinit var scratch: File

    private lateinit var small: ByteArray
    private lateinit var large: ByteArray
    private val folder get() = File(scratch, "store")

    @BeforeEach
    fun readBundles() {
        small = File(TestFiles.corpus, "toy.ofab").readBytes()
        val made = File(scratch, "large.ofab")
        Delta.open(File(TestFiles.corpus, "toy.ofad")).ready().apply(File(TestFiles.corpus, "toy.ofab"), made).ready()
        large = made.readBytes()
    }

    private class Ended : Error()

    private fun store(
        maxBytes: Long = 1 shl 20,
        free: Long = Long.MAX_VALUE,
        after: (BundleStore.Step) -> Unit = {},
        trial: BundleStore.Trial = BundleStore.Trial { _, _ -> null },
    ) = BundleStore(folder, maxBytes, trial, { free }, after)

    private fun BundleStore.import(bytes: ByteArray) = import(ByteArrayInputStream(bytes), bytes.size.toLong())

    private fun currentBytes(): Long = assertIs<Current.Ready>(store().current()).bundle.bytes

    private fun assertHolds(bytes: ByteArray, folders: Int) {
        assertEquals(bytes.size.toLong(), currentBytes())
        assertEquals(folders, folder.listFiles()!!.count { it.isDirectory }, folder.list()!!.joinToString())
    }

    @Test
    fun `an empty store has nothing`() {
        assertEquals(Current.None(null), store().current())
        assertIs<Imported.Rejected>(store().rollBack())
    }

    @Test
    fun `an import is there after a restart and the one before it can be had back`() {
        assertIs<Imported.Activated>(store().import(small))
        assertHolds(small, folders = 1)
        assertIs<Imported.Activated>(store().import(large))
        assertHolds(large, folders = 2)
        assertEquals(small.size.toLong(), assertIs<Imported.Activated>(store().rollBack()).bundle.bytes)
        assertHolds(small, folders = 2)
        assertIs<Imported.Activated>(store().rollBack())
        assertHolds(large, folders = 2)
    }

    @Test
    fun `only the current bundle and the one before it are kept`() {
        val sample = File(TestFiles.corpus, "graphs-litert.ofab").readBytes()
        listOf(sample, small, large).forEach { assertIs<Imported.Activated>(store().import(it)) }
        assertHolds(large, folders = 2)
    }

    @Test
    fun `importing the current bundle again changes nothing`() {
        store().import(small)
        store().import(large)
        assertIs<Imported.Activated>(store().import(large))
        assertHolds(large, folders = 2)
        assertEquals(small.size.toLong(), assertIs<Imported.Activated>(store().rollBack()).bundle.bytes)
    }

    @TestFactory
    fun `what cannot be used leaves the current bundle`(): List<DynamicTest> {
        val wrong = "its scores are wrong."
        val (narrow, size) = store(maxBytes = 1000) to grouped(large.size)
        val cases = mapOf<String, Pair<String, () -> Imported>>(
            "cut short" to ("it does not end with a directory" to { store().import(large.copyOf(large.size - 100)) }),
            "empty" to ("bundle.ofab is empty." to { store().import(ByteArray(0)) }),
            "wrong self-test" to (wrong to { store(trial = { _, _ -> wrong }).import(large) }),
            "too large" to ("it has 1,001 bytes or more" to { narrow.import(ByteArrayInputStream(large)) }),
            "said to be too large" to ("it has $size bytes" to { narrow.import(large) }),
            "no space" to ("there is no space for it on the phone: $size" to { store(free = 5).import(large) }),
            "unreadable" to ("it could not be read to its end: gone." to { store().import(Breaking(large)) }),
        )
        return cases.map { (name, case) ->
            dynamicTest(name) {
                folder.deleteRecursively()
                store().import(small)
                val rejected = assertIs<Imported.Rejected>(case.second())
                assertTrue(rejected.reason.startsWith(case.first), rejected.reason)
                assertHolds(small, folders = 1)
            }
        }
    }

    @TestFactory
    fun `an import that ends after any step leaves the old bundle or the new one`(): List<DynamicTest> =
        BundleStore.Step.entries.map { last ->
            dynamicTest("after $last") {
                folder.deleteRecursively()
                store().import(small)
                assertFailsWith<Ended> { store(after = { if (it == last) throw Ended() }).import(large) }
                val expected = if (last == BundleStore.Step.SWITCHED) large else small
                assertEquals(expected.size.toLong(), currentBytes())
                assertIs<Imported.Activated>(store().import(large))
                assertHolds(large, folders = 2)
            }
        }

    @Test
    fun `of two imports at once one is told that the other is running`() {
        val (started, go) = CountDownLatch(1) to CountDownLatch(1)
        val slow = store(trial = { _, _ -> started.countDown().also { go.await() }.let { null } })
        var first: Imported? = null
        val importing = thread(isDaemon = true) { first = slow.import(small) }
        started.await()
        assertEquals(Imported.Busy, store().import(large))
        assertEquals(Imported.Busy, slow.rollBack())
        assertEquals(Current.None(null), store().current())
        go.countDown()
        importing.join()
        assertIs<Imported.Activated>(first)
        assertHolds(small, folders = 1)
    }

    @Test
    fun `a bundle that is damaged on the phone gives way to the one before it, and can be imported again`() {
        store().import(small)
        val current = assertIs<Imported.Activated>(store().import(large))
        File(current.folder, "bundle.ofab").writeBytes(large.copyOf(500))
        val instead = assertIs<Current.Ready>(store().current())
        assertEquals(small.size.toLong(), instead.bundle.bytes)
        assertTrue(instead.damaged!!.startsWith("it does not end with a directory"), instead.damaged)
        assertIs<Imported.Activated>(store().import(large))
        assertNull(assertIs<Current.Ready>(store().current()).damaged)
        assertHolds(large, folders = 2)
    }

    @Test
    fun `a note that is damaged is no bundle`() {
        store().import(small)
        File(folder, "current").writeText("../../elsewhere\n")
        assertEquals(Current.None(null), store().current())
        store().import(small)
        assertHolds(small, folders = 1)
    }

    @Test
    fun `a delta makes the next bundle of the current one, and of no other`() {
        val delta = File(TestFiles.corpus, "toy.ofad").readBytes()
        fun imported() = store().importDelta(ByteArrayInputStream(delta), delta.size.toLong())
        assertTrue(assertIs<Imported.Rejected>(imported()).reason.startsWith("there is no bundle that a delta could"))
        store().import(small)
        assertIs<Imported.Activated>(imported())
        assertHolds(large, folders = 2)
        assertTrue(assertIs<Imported.Rejected>(imported()).reason.startsWith("the bundle given is already its result"))
        assertHolds(large, folders = 2)
    }

    @Test
    fun `a runtime tries a bundle before it is used, and is closed`() {
        val runtimes = ArrayList<StubRuntime>()
        val loader = object : RuntimeLoader {
            override val name = "litert"

            override fun load(bundle: Bundle, tensors: DeviceTensors, folder: File): Outcome<AdaptiveRuntime> {
                assertTrue(assertIs<Outcome.Ready<File>>(bundle.copyGraphs(folder)).value.length() > 0)
                return Outcome.Ready(StubRuntime(bundle).also { runtimes += it })
            }
        }
        val store = store(trial = Runtimes(listOf(loader)))
        fun import(name: String) = store.import(File(TestFiles.corpus, name).readBytes())
        val other = assertIs<Imported.Rejected>(import("graphs-executorch.ofab"))
        assertEquals("The bundle is for the runtime executorch; this app has litert.", other.reason)
        val wrong = assertIs<Imported.Rejected>(import("graphs-litert.ofab"))
        assertTrue(wrong.reason.startsWith("Self-test: "), wrong.reason)
        assertEquals(listOf(1), runtimes.map { it.closed })
    }

    /** Ends with an error halfway. */
    private class Breaking(bytes: ByteArray) : InputStream() {
        private val half = ByteArrayInputStream(bytes.copyOf(bytes.size / 2))

        override fun read(): Int = half.read().also { if (it < 0) throw IOException("gone") }
    }
}
