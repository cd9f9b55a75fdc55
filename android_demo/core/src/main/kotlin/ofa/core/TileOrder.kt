package ofa.core

import java.nio.ByteBuffer

/**
 * The order in which a growing budget adds tiles: tile (g, n, p) has the index (g * N + n) * 8 + p.
 *
 * @property tiles all tile indices, `[G * N * 8]`.
 * @property starts where each tile starts behind the first, in bytes, and where the last ends, `[G * N * 8 + 1]`.
 */
internal class TileOrder private constructor(val tiles: IntArray, val starts: LongArray) {
    /** Leading bit planes of each group and block that the first [count] tiles hold, `[G * N]`. */
    fun planes(count: Int): ByteArray {
        val planes = ByteArray(tiles.size / PLANES)
        for (place in 0 until count) planes[tiles[place] / PLANES]++
        return planes
    }

    companion object {
        /** Check an order of uint16: a permutation in which the planes of every block come in turn. */
        fun read(data: ByteBuffer, layout: EmbeddingLayout, entry: String): TileOrder {
            val tiles = IntArray(layout.tilesTotal) { data.uint16(2 * it) }
            val place = IntArray(tiles.size) { -1 }
            tiles.forEachIndexed { at, tile -> if (tile < place.size) place[tile] = at }
            demand(place.none { it < 0 }, RejectionCode.TILE_ORDER, entry) {
                "The tile order must name each of its ${tiles.size} tiles exactly once."
            }
            checkPlanes(place, layout.blocks, entry)
            val floor = floorTiles(tiles, layout)
            demand(floor == layout.floorTiles, RejectionCode.TILE_ORDER, entry) {
                "every group has a tile after $floor tiles, not ${layout.floorTiles}."
            }
            val starts = LongArray(tiles.size + 1)
            tiles.forEachIndexed { at, tile -> starts[at + 1] = starts[at] + layout.groupSizes[group(tile, layout)] }
            return TileOrder(tiles, starts)
        }

        private fun checkPlanes(place: IntArray, blocks: Int, entry: String) {
            for (tile in place.indices) {
                val (block, plane) = tile / PLANES to tile % PLANES
                demand(plane == PLANES - 1 || place[tile] < place[tile + 1], RejectionCode.TILE_ORDER, entry) {
                    "The tile order has plane ${plane + 1} of block ${block % blocks} of group ${block / blocks} " +
                        "before plane $plane: a plane is of no use without those above it."
                }
            }
        }

        /** Tiles of the shortest prefix in which every item group has at least one. */
        private fun floorTiles(tiles: IntArray, layout: EmbeddingLayout): Int {
            val seen = BooleanArray(layout.groupSizes.size)
            var missing = seen.size
            return 1 + tiles.indices.first { at ->
                val group = group(tiles[at], layout)
                if (!seen[group]) missing--
                seen[group] = true
                missing == 0
            }
        }

        private fun group(tile: Int, layout: EmbeddingLayout) = tile / (layout.blocks * PLANES)
    }
}
