package ofa.core

import java.io.File
import java.io.RandomAccessFile
import org.junit.jupiter.api.Assertions.assertTimeoutPreemptively
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.time.Duration
import kotlin.test.assertTrue

/** What Python makes of mutants of its fuzzer, this reader makes of them. */
class MutantsTest {
    @TempDir
    lateinit var scratch: File

    @Test
    fun `mutants get the verdict that Python has`() {
        val mutants = TestFiles.cases(File(TestFiles.golden, "mutants.json"))
        assertTrue(mutants.size >= 100)
        val judge = Judge(TestFiles.corpus, scratch)
        val wrong = RandomAccessFile(File(TestFiles.golden, "mutants.bin"), "r").use { file ->
            mutants.mapNotNull { mutant ->
                val data = ByteArray(mutant.int("bytes"))
                file.readFully(data)
                problem { judge.judge(mutant.text("base").substringAfter('.'), data, mutant) }
                    ?.let { "${mutant.text("name")}: $it" }
            }
        }
        assertTrue(wrong.isEmpty(), "${wrong.size} of ${mutants.size} differ:\n" + wrong.take(SHOWN).joinToString("\n"))
    }

    private fun problem(judge: () -> Unit): String? =
        try {
            assertTimeoutPreemptively(Duration.ofSeconds(20)) { judge() }
            null
        } catch (error: Throwable) {
            "$error".take(600)
        }

    private companion object {
        const val SHOWN = 20
    }
}
