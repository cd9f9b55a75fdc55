package ofa.demo

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View

/** The tiles of the item table, the most important first, down the columns: what is kept is filled. */
class TilesView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val kept = Paint().apply { color = context.getColor(R.color.accent) }
    private val dropped = Paint().apply { color = context.getColor(R.color.outline) }
    private var tiles = 0
    private var all = 0

    /** Shows that the first [tiles] of [all] tiles are kept. */
    fun show(tiles: Int, all: Int) {
        this.tiles = tiles
        this.all = all
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        if (all == 0) return
        val columns = (all + ROWS - 1) / ROWS
        val wide = width.toFloat() / columns
        val high = height.toFloat() / ROWS
        val gap = minOf(wide, high) * GAP_SHARE
        for (tile in 0 until all) {
            val left = tile / ROWS * wide
            val top = tile % ROWS * high
            canvas.drawRect(left, top, left + wide - gap, top + high - gap, if (tile < tiles) kept else dropped)
        }
    }

    private companion object {
        const val ROWS = 16
        const val GAP_SHARE = 0.25f
    }
}
