package ofa.core

import java.io.File
import java.util.concurrent.TimeUnit
import kotlin.random.Random
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Processes that import one bundle after another are killed, and the store is as whole as before. */
class KilledImportTest {
    @TempDir
    lateinit var scratch: File

    @Test
    fun `a killed process leaves a bundle and no lock`() {
        val folder = File(scratch, "store")
        val names = listOf("toy.ofab", "graphs-litert.ofab", "graphs-executorch.ofab")
        val bundles = names.map { File(TestFiles.corpus, it) }
        val random = Random(6)
        repeat(KILLS) {
            val process = start(folder, bundles)
            assertEquals("importing", process.inputStream.bufferedReader().readLine())
            Thread.sleep(random.nextLong(200))
            process.destroyForcibly().waitFor(10, TimeUnit.SECONDS)
            val store = BundleStore(folder, 1 shl 20) { _, _ -> null }
            val current = assertIs<Current.Ready>(store.current())
            assertEquals(null, current.damaged)
            assertTrue(current.bundle.bytes in bundles.map { it.length() })
            assertIs<Imported.Activated>(store.import(bundles[it % 3].inputStream()))
        }
    }

    private fun start(folder: File, bundles: List<File>): Process {
        val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val java = File(System.getProperty("java.home"), "bin/java").path
        val command = listOf(java, "-XX:TieredStopAtLevel=1", "-cp", classes, "ofa.core.KilledImportTestKt")
        return ProcessBuilder(command + folder.path + bundles.map { it.path })
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
    }

    private companion object {
        const val KILLS = 4
    }
}

/** Imports without an end; says so when there is a first bundle. */
fun main(arguments: Array<String>) {
    val store = BundleStore(File(arguments[0]), 1 shl 20) { _, _ -> null }
    while (true) {
        arguments.drop(1).forEachIndexed { index, bundle ->
            check(store.import(File(bundle).inputStream()) is Imported.Activated)
            if (index == 0) println("importing")
        }
    }
}
