package ofa.demo

import android.content.ComponentCallbacks2

/**
 * How many tiles of the item table stay when Android asks for memory; they go from the end, the least important first.
 *
 * In the background only so many stay that every product has something: the list keeps its shape, and the rest comes
 * back from the file. While the app is seen, it gives up half, or three quarters when memory is critical (our choice).
 *
 * @param level as [ComponentCallbacks2.onTrimMemory] gets it.
 * @param all tiles of the bundle.
 * @param floor with fewer some products have nothing.
 */
fun tilesAfterTrim(level: Int, all: Int, floor: Int): Int = when {
    level >= ComponentCallbacks2.TRIM_MEMORY_BACKGROUND -> floor
    level >= ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN -> all
    level >= RUNNING_CRITICAL -> maxOf(floor, all / 4)
    level >= RUNNING_LOW -> maxOf(floor, all / 2)
    else -> all
}

// Android 14 and later do not send these two any more, and their names are deprecated; older ones do.
private const val RUNNING_LOW = 10
private const val RUNNING_CRITICAL = 15
