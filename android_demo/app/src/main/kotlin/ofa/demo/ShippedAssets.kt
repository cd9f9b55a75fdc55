package ofa.demo

import android.content.res.AssetManager
import java.io.InputStream

/** The bundles that were put into the app's assets. */
class ShippedAssets(private val assets: AssetManager) : Shipped {
    override fun names(): List<String> = assets.list(FOLDER).orEmpty().filter { it.endsWith(".ofab") }.sorted()

    override fun open(name: String): InputStream = assets.open("$FOLDER/$name", AssetManager.ACCESS_STREAMING)

    private companion object {
        const val FOLDER = "bundles"
    }
}
