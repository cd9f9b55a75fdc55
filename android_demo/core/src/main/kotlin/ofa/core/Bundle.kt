package ofa.core

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.nio.ByteBuffer

/** A checked bundle. It can be shared between threads: nothing in it changes. */
public class Bundle private constructor(
    public val manifest: Manifest,
    public val table: EmbeddingTable,
    public val items: ItemCatalogue,
    public val selfTest: SelfTestVectors,
    public val modelCard: String,
    public val bytes: Long,
    private val graphsEntry: ByteBuffer,
) {
    /** The graphs in the runtime's own format: a read-only view that starts at a multiple of 64 bytes of the file. */
    public val graphs: ByteBuffer get() = graphsEntry.asReadOnlyBuffer()

    /**
     * The graphs as a file of their own in [folder], for a runtime that loads from a path.
     *
     * It is written once: a file of the right name is used again if its digest is right too.
     */
    public fun copyGraphs(folder: File): Outcome<File> {
        val entry = manifest.entries.first()
        val file = File(folder, entry.name)
        return try {
            if (!file.isFile || mapped(file).sha256() != entry.sha256) {
                FileOutputStream(file).use { it.channel.writeAll(graphsEntry) }
            }
            Outcome.Ready(file)
        } catch (error: IOException) {
            Outcome.Failed("The graphs cannot be written to the phone: ${error.message}.")
        } catch (refused: Refused) {
            Outcome.Failed("The graphs cannot be read back: ${refused.reason}")
        }
    }

    public companion object {
        private const val MODEL_CARD = "MODEL_CARD.md"

        /** Map a file and check all of it. The map lives as long as the bundle and everything taken from it. */
        public fun open(file: File): Opened<Bundle> = reading { read(mapped(file)) }

        /** Check a bundle that is mapped or in memory: the bytes between position and limit, which must not change. */
        public fun open(data: ByteBuffer): Opened<Bundle> = reading { read(data) }

        private fun read(data: ByteBuffer): Bundle {
            val file = data.whole()
            val contents = Manifest.KIND.open(file)
            val manifest = contents.document
            val bytes = file.limit().toLong()
            demand(bytes <= manifest.budgetBytes, RejectionCode.OVER_BUDGET, "manifest.json") {
                "the file has ${grouped(bytes)} bytes, over its own budget of ${grouped(manifest.budgetBytes)}."
            }
            val entry = { name: String -> contents.entries.getValue(name) }
            val layout = manifest.embeddings
            val table = EmbeddingsReader.read(entry(EmbeddingsReader.ENTRY), layout)
            ItemsReader.checkHeader(entry(ItemsReader.ENTRY), layout.items)
            val selfTest = SelfTestReader.read(entry(SelfTestReader.ENTRY), manifest.shapes, layout.items)
            demand(
                selfTest.cases.toLong() == manifest.selfTest.cases,
                RejectionCode.SELFTEST_TENSORS,
                SelfTestReader.ENTRY,
            ) {
                "it has ${selfTest.cases} cases, the manifest says otherwise."
            }
            val card = entry(MODEL_CARD).utf8()
                ?: refuse(RejectionCode.MODEL_CARD, "it is not UTF-8.", MODEL_CARD)
            val items = ItemsReader.read(entry(ItemsReader.ENTRY), layout.items)
            return Bundle(manifest, table, items, selfTest, card, bytes, entry(manifest.entries[0].name))
        }
    }
}
