package ofa.core

import java.io.File
import java.nio.ByteBuffer

/** Full embeddings of a few items, which the cloud sent for one session. */
public class SessionPack internal constructor(
    public val checkpointSha256: String,
    public val group: String,
    public val items: ItemCatalogue,
) {
    public companion object {
        /** Map a file and check all of it. */
        public fun open(file: File): Opened<SessionPack> = TODO()

        /** Check a pack that is mapped or in memory. */
        public fun open(data: ByteBuffer): Opened<SessionPack> = TODO()
    }
}
