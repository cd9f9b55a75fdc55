package ofa.demo

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.RectF
import android.util.AttributeSet
import android.view.View
import kotlin.math.abs
import kotlin.math.sqrt

/** Generated parameters of one block as a strip: a cell each, its colour the sign, its strength the size. */
class ThetaView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val paint = Paint().apply { isFilterBitmap = false }
    private val place = RectF()
    private var cells: Bitmap? = null

    /**
     * Shows parameters; all zeros, the static net, are an empty strip.
     *
     * @param theta parameters of one block, `[P]`.
     */
    fun show(theta: FloatArray) {
        cells = bitmap(theta)
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        place.set(0f, 0f, width.toFloat(), height.toFloat())
        cells?.let { canvas.drawBitmap(it, null, place, paint) }
    }

    private fun bitmap(theta: FloatArray): Bitmap {
        val columns = (theta.size + ROWS - 1) / ROWS
        val full = FULL_COLOUR_RMS * rms(theta)
        val colours = IntArray(columns * ROWS) { cell ->
            val value = theta.getOrElse(cell) { 0f }
            val colour = context.getColor(if (value < 0) R.color.negative else R.color.accent)
            val strength = if (full > 0) (abs(value) / full).coerceAtMost(1f) else 0f
            (colour and 0xFFFFFF) or ((strength * 255).toInt() shl 24)
        }
        return Bitmap.createBitmap(colours, columns, ROWS, Bitmap.Config.ARGB_8888)
    }

    private companion object {
        const val ROWS = 16

        /** Size at which a cell has its full colour, in root mean squares: most cells then differ visibly. */
        const val FULL_COLOUR_RMS = 2.5f
    }
}

/** Root mean square. */
private fun rms(values: FloatArray): Float =
    if (values.isEmpty()) 0f else sqrt(values.fold(0.0) { sum, value -> sum + value * value } / values.size).toFloat()
