package ofa.core

import java.io.File
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.io.TempDir

/** Every case of the corpus is refused at the same entry with the same code as in Python, or read the same. */
class CorpusTest {
    @TempDir
    lateinit var scratch: File

    @TestFactory
    fun `each case gets what it expects`(): List<DynamicTest> {
        val judge = Judge(TestFiles.corpus, scratch)
        return TestFiles.cases(File(TestFiles.corpus, "cases.json")).map { case ->
            dynamicTest(case.text("name")) {
                val base = case.text("base")
                val data = edited(File(TestFiles.corpus, base).readBytes(), case.list("edits").map { it.jsonObject })
                judge.judge(base.substringAfter('.'), data, case.getValue("expected").jsonObject)
            }
        }
    }

    @Test
    fun `the sound files are accepted`() {
        Bundle.open(File(TestFiles.corpus, "toy.ofab")).ready()
        SessionPack.open(File(TestFiles.corpus, "toy.ofas")).ready()
        Delta.open(File(TestFiles.corpus, "toy.ofad")).ready()
        Bundle.open(File(TestFiles.corpus, "graphs-litert.ofab")).ready()
        Bundle.open(File(TestFiles.corpus, "graphs-executorch.ofab")).ready()
    }

    private fun edited(data: ByteArray, edits: List<JsonObject>): ByteArray =
        edits.reversed().fold(data) { bytes, edit ->
            val piece = edit.text("insert").chunked(2).map { it.toInt(16).toByte() }.toByteArray()
            val times = edit["times"]?.int ?: 1
            val inserted = ByteArray(piece.size * times) { piece[it % piece.size] }
            val at = edit.int("at")
            bytes.copyOfRange(0, at) + inserted + bytes.copyOfRange(at + edit.int("remove"), bytes.size)
        }
}
