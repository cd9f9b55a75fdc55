package ofa.demo

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View

/** The tiles of the item table: a column for each block of each item group, a cell for each bit plane, sign on top. */
class TilesView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val kept = Paint().apply { color = context.getColor(R.color.accent) }
    private val dropped = Paint().apply { color = context.getColor(R.color.outline) }
    private var planes = IntArray(0)

    /**
     * Shows which tiles are there.
     *
     * @param planes bit planes present of each block of each item group, `[G * N]`, 0..8.
     */
    fun show(planes: IntArray) {
        this.planes = planes
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        if (planes.isEmpty()) return
        val wide = width.toFloat() / planes.size
        val high = height.toFloat() / PLANES
        val gap = (minOf(wide, high) * GAP_SHARE).coerceAtMost(resources.displayMetrics.density)
        planes.forEachIndexed { column, present ->
            for (plane in 0 until PLANES) {
                val left = column * wide
                val top = plane * high
                canvas.drawRect(left, top, left + wide - gap, top + high - gap, if (plane < present) kept else dropped)
            }
        }
    }

    private companion object {
        const val PLANES = 8
        const val GAP_SHARE = 0.25f
    }
}
