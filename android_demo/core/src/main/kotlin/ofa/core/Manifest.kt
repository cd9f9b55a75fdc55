package ofa.core

/**
 * What a phone must know before it trusts a bundle; docs/bundle-manifest.schema.json says what each field means.
 *
 * @property entries the other entries of the archive, in file order; the first holds the graphs.
 */
public data class Manifest(
    val schemaVersion: String,
    val modelId: String,
    val group: String,
    val budgetBytes: Long,
    val runtime: RuntimeFields,
    val precision: String,
    val shapes: Shapes,
    val graphs: List<GraphSpec>,
    val entries: List<EntryFields>,
    val embeddings: EmbeddingLayout,
    val quality: Quality,
    val excludeHistory: Boolean,
    val selfTest: SelfTestFields,
    val tools: Map<String, String>,
    val checkpointSha256: String,
    val data: DataSource,
)

/** The runtime whose graphs the bundle holds, and the oldest version of it that can run them. */
public data class RuntimeFields(val name: String, val minimumVersion: String)

/** One entry of the archive: name, size in bytes, SHA-256 in hexadecimal. */
public data class EntryFields(val name: String, val bytes: Long, val sha256: String)

/** How `embeddings.bin` is cut: item groups, blocks of 8 dimensions, 8 bit planes, and how many tiles it keeps. */
public data class EmbeddingLayout(
    val items: Long,
    val width: Int,
    val groupSizes: List<Long>,
    val clip: Double,
    val exponent: Double,
    val order: String,
    val tilesTotal: Int,
    val tilesKept: Int,
    val floorTiles: Int,
) {
    /** N, blocks of a row. */
    val blocks: Int get() = width / BLOCK_WIDTH
}

/**
 * Expected NDCG@10, as texts of four decimals.
 *
 * @property fullTable with the item table before it was coded.
 * @property byTiles with the first so many tiles, ascending.
 * @property users whose validation histories it was measured on.
 */
public data class Quality(val fullTable: String, val byTiles: List<Pair<Long, String>>, val users: Long) {
    /** What to expect at least of the first [tiles] tiles, null if nothing was measured that low. */
    public fun expected(tiles: Int): String? = byTiles.lastOrNull { (count, _) -> count <= tiles }?.second
}

/** How close the scores must come to the reference, in decibels, and on how many histories. */
public data class SelfTestFields(val minSnrDb: Double, val cases: Long)

/** The data that the model was trained on; the model card has the attribution. */
public data class DataSource(val name: String, val licence: String)
