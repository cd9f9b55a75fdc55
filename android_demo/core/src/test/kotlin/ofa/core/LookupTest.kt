package ofa.core

import java.io.File
import kotlin.random.Random
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

class LookupTest {
    @TestFactory
    fun `the item table is Python's bit for bit`(): List<DynamicTest> =
        TestFiles.cases(File(TestFiles.golden, "lookups.json")).map { case ->
            dynamicTest("${File(case.text("bundle")).name} with ${case.int("tiles")} tiles") {
                val table = Bundle.open(File(case.text("bundle"))).ready().table.withTiles(case.int("tiles"))
                val expected = bits(TestFiles.floats(File(TestFiles.golden, case.text("table"))))
                val found = bits((0 until table.items).flatMap { table.lookup(it).asList() }.toFloatArray())
                val differs = expected.indices.count { expected[it] != found[it] }
                assertEquals(0, differs, "values of ${expected.size} that differ")
            }
        }

    @Test
    fun `tiles go and come again without a copy`() {
        val table = sample().table
        val least = table.withTiles(table.floorTiles)
        assertTrue(least.bytesUsed < table.bytesUsed)
        assertContentEquals(table.lookup(7), least.withTiles(table.availableTiles).lookup(7))
        assertFailsWith<IllegalArgumentException> { table.withTiles(table.availableTiles + 1) }
        assertFailsWith<IllegalArgumentException> { table.lookup(table.items) }
    }

    @Test
    fun `a budget keeps the most tiles that fit`() {
        val table = sample().table
        for (tiles in listOf(0, 1, table.floorTiles, table.availableTiles)) {
            val bytes = table.bytesOf(tiles)
            assertEquals(tiles, table.tilesWithin(bytes))
            assertEquals(maxOf(0, tiles - 1), table.tilesWithin(bytes - 1))
        }
        assertEquals(table.availableTiles, table.tilesWithin(Long.MAX_VALUE))
        assertEquals(sample().manifest.entries[1].bytes, table.bytesUsed)
    }

    @Test
    fun `a transposed matrix has its rows as columns`() {
        val random = Random(5)
        repeat(100) {
            val matrix = random.nextLong()
            val turned = transposed(matrix)
            for (row in 0 until 8) {
                for (column in 0 until 8) {
                    assertEquals(matrix ushr (8 * row + column) and 1, turned ushr (8 * column + row) and 1)
                }
            }
        }
    }

    private fun bits(values: FloatArray) = IntArray(values.size) { values[it].toRawBits() }

    private fun sample(): Bundle {
        val case = TestFiles.cases(File(TestFiles.golden, "lookups.json")).last()
        return Bundle.open(File(case.text("bundle"))).ready()
    }
}
