package ofa.core

import java.io.File
import java.nio.ByteBuffer

/** A checked bundle. It can be shared between threads: nothing in it changes. */
public class Bundle internal constructor(
    public val manifest: Manifest,
    public val table: EmbeddingTable,
    public val items: ItemCatalogue,
    public val selfTest: SelfTestVectors,
    public val modelCard: String,
    public val bytes: Long,
    private val graphsEntry: ByteBuffer,
) {
    /** The graphs in the runtime's own format: a read-only view of the file that starts at a multiple of 64 bytes. */
    public val graphs: ByteBuffer get() = graphsEntry.asReadOnlyBuffer()

    /** The graphs as a file of their own in [folder], for a runtime that loads from a path; written once. */
    public fun copyGraphs(folder: File): Outcome<File> = TODO()

    public companion object {
        /** Map a file and check all of it. The map lives as long as the bundle and everything taken from it. */
        public fun open(file: File): Opened<Bundle> = TODO()

        /** Check a bundle that is mapped or in memory: the bytes between position and limit. */
        public fun open(data: ByteBuffer): Opened<Bundle> = TODO()
    }
}
