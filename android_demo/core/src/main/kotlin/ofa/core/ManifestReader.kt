package ofa.core

/** Reads `manifest.json`, field by field in the order in which the toolkit checks them. */
internal object ManifestReader {
    private const val MAX_BYTES = 1 shl 20
    private const val MAX_TILES = 1 shl 16
    private const val MAX_VALUES = 1L shl 24
    private val FOLLOWING = listOf("embeddings.bin", "items.bin", "selftest.bin", "MODEL_CARD.md")
    private val SCORE = Regex("[01]\\.[0-9]{4}")
    private val COUNT = 1L until (1L shl 40)
    private val BYTES = 0L until (1L shl 40)

    val KIND = DocumentKind("manifest.json", MAX_BYTES, ::manifest) { it.entries }

    private fun manifest(node: JsonNode): Manifest =
        node.fields {
            Manifest(
                modelId = get("model_id").name(),
                group = get("group").name(),
                runtime = runtime(get("runtime")),
                precision = get("precision").name(),
                shapes = shapes(get("shapes")),
                quality = quality(get("quality")),
                excludeHistory = get("ranking").fields { get("exclude_history").boolean() },
                tools = tools(this),
                checkpointSha256 = get("checkpoint_sha256").digest(),
                data = dataSource(get("data")),
                schemaVersion = get("schema_version").text(SCHEMA_VERSION),
                budgetBytes = get("budget_bytes").integer(COUNT),
                graphs = get("graphs").list(maxSize = 66, read = ::graph),
                entries = get("entries").list(maxSize = 63, read = ::entry),
                embeddings = embeddings(get("embeddings")),
                selfTest = selfTest(get("selftest")),
            )
        }.also { checkTogether(node, it) }

    private fun checkTogether(node: JsonNode, manifest: Manifest) {
        val layout = manifest.embeddings
        node.agree(manifest.graphs == manifest.shapes.contract()) {
            "the graphs are not those of the tensor contract for these shapes"
        }
        node.agree(layout.width == manifest.shapes.width) {
            "embeddings of width ${layout.width} do not fit graphs of ${manifest.shapes.width}"
        }
        val names = manifest.entries.map { it.name }
        node.agree(names.size == 5 && names[0].startsWith("graphs.") && names.drop(1) == FOLLOWING) {
            "the entries must be graphs.*, ${FOLLOWING.joinToString()}, not ${names.joinToString()}"
        }
    }

    private fun runtime(node: JsonNode) =
        node.fields { RuntimeFields(name = get("name").name(), minimumVersion = get("minimum_version").name()) }

    private fun shapes(node: JsonNode): Shapes =
        node.fields {
            Shapes(
                historyLength = get("history_length").integer(1..4096),
                width = width(get("width")),
                depth = get("depth").integer(1..64),
                candidates = get("candidates").integer(1..65536),
                thetaSize = get("theta_size").integer(1..(1 shl 24)),
            )
        }.also {
            node.agree(maxOf(it.historyLength, it.candidates).toLong() * it.width <= MAX_VALUES) {
                "history_length x width and candidates x width must not exceed 2^24 values"
            }
        }

    private fun quality(node: JsonNode): Quality =
        node.fields {
            val ndcg = get("ndcg_at_10")
            val (fullTable, byTiles) = ndcg.fields {
                get("full_table").text(SCORE) to
                    get("by_tiles").list(maxSize = 256) { pair ->
                        pair.pair({ it.integer(COUNT) }, { it.text(SCORE) })
                    }
            }
            ndcg.agree(byTiles.zipWithNext().all { (a, b) -> a.first < b.first }) {
                "by_tiles must name each number of tiles once, in ascending order"
            }
            Quality(fullTable, byTiles, users = get("users").integer(BYTES))
        }

    private fun tools(fields: JsonNode.ObjectFields): Map<String, String> {
        fields["recipe"].anyObject()
        return fields["tools"].map(maxSize = 100) { it.name() }
    }

    private fun dataSource(node: JsonNode) =
        node.fields { DataSource(name = get("name").name(), licence = get("licence").text(1..2000)) }

    private fun graph(node: JsonNode): GraphSpec =
        node.fields {
            GraphSpec(
                name = get("name").name(),
                inputs = get("inputs").list(maxSize = 128, read = ::tensor),
                outputs = get("outputs").list(maxSize = 128, read = ::tensor),
            )
        }

    private fun tensor(node: JsonNode): TensorSpec =
        node.fields {
            TensorSpec(
                name = get("name").name(),
                shape = get("shape").list(maxSize = 8) { it.anyInteger() },
                dtype = get("dtype").oneOf("float32", "int32"),
            )
        }

    fun entry(node: JsonNode): EntryFields =
        node.fields {
            EntryFields(
                name = get("name").text(ENTRY_NAME, maxSize = 64),
                bytes = get("bytes").integer(BYTES),
                sha256 = get("sha256").digest(),
            )
        }

    private fun embeddings(node: JsonNode): EmbeddingLayout {
        val (layout, width) = node.fields {
            val items = get("items").integer(COUNT)
            val width = get("width").integer(COUNT)
            get("block_width").exactly(BLOCK_WIDTH)
            val groupSizes = get("group_sizes").list(1, MAX_TILES / PLANES) { it.integer(COUNT) }
            get("planes").exactly(PLANES)
            EmbeddingLayout(
                items = items,
                groupSizes = groupSizes,
                clip = get("clip").number { it > 0 && it <= 100 },
                exponent = get("exponent").number { it in 0.1..1.0 },
                order = get("order").oneOf("planes", "peel", "magnitude"),
                tilesTotal = get("tiles_total").integer(1..MAX_TILES),
                tilesKept = get("tiles_kept").integer(1..MAX_TILES),
                floorTiles = get("floor_tiles").integer(1..MAX_TILES),
                // One too large for an Int is too large for the tiles, which are checked next.
                width = width.coerceAtMost(Int.MAX_VALUE.toLong()).toInt(),
            ) to width
        }
        checkLayout(node, layout, width)
        return layout
    }

    private fun checkLayout(node: JsonNode, layout: EmbeddingLayout, width: Long) {
        node.agree(width % BLOCK_WIDTH == 0L) { "width $width is not a multiple of $BLOCK_WIDTH" }
        node.agree(layout.groupSizes.sum() == layout.items) {
            "the group sizes add up to ${grouped(layout.groupSizes.sum())} items, not to ${grouped(layout.items)}"
        }
        node.agree(layout.tilesTotal.toLong() == layout.groupSizes.size * width) {
            "${layout.tilesTotal} tiles are not groups x blocks x planes"
        }
        node.agree(layout.tilesKept in layout.floorTiles..layout.tilesTotal) {
            "${layout.tilesKept} kept tiles are not in ${layout.floorTiles}..${layout.tilesTotal}"
        }
    }

    private fun selfTest(node: JsonNode) =
        node.fields {
            SelfTestFields(
                minSnrDb = get("min_snr_db").number { it in 0.0..300.0 },
                cases = get("cases").integer(COUNT),
            )
        }

    fun width(node: JsonNode): Int =
        node.integer(8..4096).also { if (it % BLOCK_WIDTH != 0) node.wrong("Input should be a multiple of 8") }
}
