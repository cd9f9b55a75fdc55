package ofa.core

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/**
 * What a phone must know before it trusts a bundle; docs/bundle-manifest.schema.json says what each field means.
 *
 * Here and in the classes below, properties are in the order of their names in JSON: written out in that order, a
 * document is canonical.
 *
 * @property entries the other entries of the archive, in file order; the first holds the graphs.
 * @property recipe how the bundle was made, as JSON text.
 */
@Serializable
public data class Manifest(
    @SerialName("budget_bytes") val budgetBytes: Long,
    @SerialName("checkpoint_sha256") val checkpointSha256: String,
    val data: DataSource,
    val embeddings: EmbeddingLayout,
    val entries: List<EntryFields>,
    val graphs: List<GraphSpec>,
    val group: String,
    @SerialName("model_id") val modelId: String,
    val precision: String,
    val quality: Quality,
    val ranking: RankingFields,
    val recipe: String,
    val runtime: RuntimeFields,
    @SerialName("schema_version") val schemaVersion: String,
    @SerialName("selftest") val selfTest: SelfTestFields,
    val shapes: Shapes,
    val tools: Map<String, String>,
) {
    init {
        requireRange("budget_bytes", budgetBytes, COUNT)
        requireDigest("checkpoint_sha256", checkpointSha256)
        requireName("group", group)
        requireName("model_id", modelId)
        requireName("precision", precision)
        requireLength("recipe", recipe, 2..MAX_RECIPE)
        requireVersion(schemaVersion)
        require(tools.size <= MAX_TOOLS) { "tools has ${tools.size} elements; at most $MAX_TOOLS are allowed" }
        // Sorted by code unit, which is by code point where all are ASCII.
        require(tools.keys.all(TOOL::matches) && tools.keys.toList() == tools.keys.sorted()) {
            "the names of tools are not those of packages in ascending order"
        }
        tools.forEach { (name, version) -> requireName("tools.$name", version) }
        require(graphs == shapes.contract()) { "the graphs are not those of the tensor contract for these shapes" }
        require(embeddings.width == shapes.width) {
            "embeddings of width ${embeddings.width} do not fit graphs of ${shapes.width}"
        }
        val names = entries.map { it.name }
        require(names.size == 1 + FOLLOWING.size && names[0].startsWith("graphs.") && names.drop(1) == FOLLOWING) {
            "the entries must be graphs.*, ${FOLLOWING.joinToString()}, not ${names.joinToString()}"
        }
    }

    internal companion object {
        const val MAX_RECIPE = 1 shl 16
        const val MAX_TOOLS = 100
        val TOOL = Regex("[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
        val FOLLOWING = listOf("embeddings.bin", "items.bin", "selftest.bin", "MODEL_CARD.md")

        /** How a bundle starts. */
        val KIND = DocumentKind("manifest.json", maxBytes = 1 shl 20, serializer()) { it.entries }
    }
}

/** The data that the model was trained on; the model card has the attribution. */
@Serializable
public data class DataSource(val licence: String, val name: String) {
    init {
        requireLength("data.licence", licence, 1..2000)
        requireName("data.name", name)
    }
}

/**
 * How `embeddings.bin` is cut: item groups, blocks of 8 dimensions, 8 bit planes, and how many tiles it keeps.
 *
 * @property clip of the companding that made the codes, a decimal text; the tables in the file decode them.
 * @property exponent as [clip].
 */
@Serializable
public data class EmbeddingLayout(
    @SerialName("block_width") val blockWidth: Int,
    val clip: String,
    val exponent: String,
    @SerialName("floor_tiles") val floorTiles: Int,
    @SerialName("group_sizes") val groupSizes: List<Long>,
    val items: Long,
    val order: String,
    val planes: Int,
    @SerialName("tiles_kept") val tilesKept: Int,
    @SerialName("tiles_total") val tilesTotal: Int,
    val width: Int,
) {
    init {
        require(blockWidth == BLOCK_WIDTH && planes == PLANES) { "block_width and planes must be $BLOCK_WIDTH" }
        require(decimal("clip", clip) > 0 && decimal("clip", clip) <= 100) {
            "clip $clip is not above 0 and at most 100"
        }
        require(decimal("exponent", exponent) in 0.1..1.0) { "exponent $exponent is not in 0.1..1" }
        require(groupSizes.size in 1..MAX_TILES / PLANES && groupSizes.all { it in COUNT }) {
            "group_sizes must be 1 to ${MAX_TILES / PLANES} numbers of items"
        }
        require(order in ORDERS) { "order must be one of ${ORDERS.joinToString()}" }
        require(width > 0 && width % BLOCK_WIDTH == 0) { "width $width is not a multiple of $BLOCK_WIDTH" }
        requireRange("embeddings.items", items, COUNT)
        require(groupSizes.sum() == items) {
            "the group sizes add up to ${grouped(groupSizes.sum())} items, not to ${grouped(items)}"
        }
        require(tilesTotal in 1..MAX_TILES && tilesTotal.toLong() == groupSizes.size * width.toLong()) {
            "$tilesTotal tiles are not groups x blocks x planes"
        }
        require(floorTiles >= 1 && tilesKept in floorTiles..tilesTotal) {
            "$tilesKept kept tiles are not in $floorTiles..$tilesTotal"
        }
    }

    /** N, blocks of a row. */
    val blocks: Int get() = width / BLOCK_WIDTH

    private companion object {
        const val MAX_TILES = 1 shl 16
        val ORDERS = setOf("planes", "peel", "magnitude")
    }
}

/** One entry of the archive: name, size in bytes, SHA-256 in hexadecimal. */
@Serializable
public data class EntryFields(val bytes: Long, val name: String, val sha256: String) {
    init {
        requireRange("bytes", bytes, BYTES)
        requireEntryName(name)
        requireDigest("sha256", sha256)
    }
}

/** What tiles are worth, measured on the validation histories of [users] users; 0 where those were nobody's. */
@Serializable
public data class Quality(@SerialName("ndcg_at_10") val ndcgAt10: NdcgAt10, val users: Long) {
    init {
        requireRange("quality.users", users, BYTES)
    }
}

/**
 * Expected NDCG@10, as texts of four decimals.
 *
 * @property byTiles with the first so many tiles, ascending.
 * @property fullTable with the item table before it was coded.
 */
@Serializable
public data class NdcgAt10(
    @SerialName("by_tiles") val byTiles: List<TilesQuality>,
    @SerialName("full_table") val fullTable: String,
) {
    init {
        requireScore("full_table", fullTable)
        require(byTiles.size <= 256 && byTiles.zipWithNext().all { (a, b) -> a.tiles < b.tiles }) {
            "by_tiles must name each number of tiles once, in ascending order"
        }
    }

    /** What to expect at least of the first [tiles] tiles, null if nothing was measured that low. */
    public fun expected(tiles: Int): String? = byTiles.lastOrNull { it.tiles <= tiles }?.ndcgAt10
}

/** NDCG@10 with the first [tiles] tiles only. */
@Serializable
public data class TilesQuality(@SerialName("ndcg_at_10") val ndcgAt10: String, val tiles: Long) {
    init {
        requireScore("by_tiles", ndcgAt10)
        requireRange("by_tiles", tiles, COUNT)
    }
}

/** How candidates become a ranking. */
@Serializable
public data class RankingFields(@SerialName("exclude_history") val excludeHistory: Boolean)

/** The runtime whose graphs the bundle holds, and the oldest version of it that can run them. */
@Serializable
public data class RuntimeFields(@SerialName("minimum_version") val minimumVersion: String, val name: String) {
    init {
        requireName("runtime.minimum_version", minimumVersion)
        requireName("runtime.name", name)
    }
}

/** How close the scores must come to the reference, in decibels as a decimal text, and on how many histories. */
@Serializable
public data class SelfTestFields(val cases: Long, @SerialName("min_snr_db") private val minSnrText: String) {
    init {
        requireRange("selftest.cases", cases, COUNT)
        require(decimal("min_snr_db", minSnrText) <= 300) { "min_snr_db $minSnrText is not in 0..300" }
    }

    /** How close the scores must come to the reference, in decibels. */
    val minSnrDb: Double get() = minSnrText.toDouble()
}

private fun requireScore(field: String, text: String) =
    require(SCORE.matches(text)) { "$field must be a number such as 0.2092" }

private fun decimal(field: String, text: String): Double {
    require(DECIMAL.matches(text)) { "$field must be a decimal number such as 0.7" }
    return text.toDouble()
}

private val SCORE = Regex("[01]\\.[0-9]{4}")
private val DECIMAL = Regex("[0-9]{1,3}\\.[0-9]{1,20}")
private val COUNT = 1L until (1L shl 40)
private val BYTES = 0L until (1L shl 40)
