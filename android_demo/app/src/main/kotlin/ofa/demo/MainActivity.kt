package ofa.demo

import android.app.Activity
import android.app.AlertDialog
import android.content.ActivityNotFoundException
import android.content.Intent
import android.os.Build
import android.os.Bundle
import android.view.View
import android.view.WindowInsets
import android.widget.SeekBar
import ofa.core.shown

/** The one screen: hands every touch to [Demo] and draws what comes back. */
class MainActivity : Activity() {
    internal lateinit var demo: Demo
        private set
    private lateinit var views: Views
    private lateinit var shoppers: List<Shopper>

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        shoppers = Shopper.read(resources.openRawResource(R.raw.shoppers).bufferedReader())
        demo = lastNonConfigurationInstance as Demo? ?: Demo(applicationContext, wish(saved))
        setContentView(R.layout.activity_main)
        checkNotNull(findViewById<View>(R.id.root)).keepClearOfSystemBars()
        views = Views(this, shoppers, demo::remove)
        listen()
        demo.listener = views::show
        views.show(demo.screen)
    }

    override fun onRetainNonConfigurationInstance(): Any = demo

    override fun onSaveInstanceState(out: Bundle) {
        super.onSaveInstanceState(out)
        val screen = demo.screen
        out.putString(RUNTIME, screen.runtime)
        out.putStringArrayList(HISTORY, ArrayList(screen.history.map(Product::key)))
        screen.memory?.takeIf { it.tiles < it.tilesAtMost }?.let { out.putInt(TILES, it.tiles) }
        out.putBoolean(ADAPTED, screen.answer != null)
    }

    override fun onDestroy() {
        super.onDestroy()
        demo.listener = null
        if (!isChangingConfigurations) demo.close()
    }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        demo.trim(level)
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        super.onActivityResult(request, result, data)
        val document = data?.data
        if (request == PICK_DOCUMENT && result == RESULT_OK && document != null) demo.open(document)
    }

    private fun listen() {
        views.adapt.setOnClickListener { demo.adapt() }
        views.add.setOnClickListener { ProductSearch(this, demo).show() }
        views.open.setOnClickListener { offerToOpen() }
        views.rollBack.setOnClickListener { demo.rollBack() }
        views.litert.setOnClickListener { use("litert") }
        views.executorch.setOnClickListener { use("executorch") }
        views.onShopper { demo.choose(it.history) }
        views.slider.setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(bar: SeekBar, progress: Int, fromUser: Boolean) {
                if (fromUser) demo.keepTiles(views.tilesAt(progress))
            }

            override fun onStartTrackingTouch(bar: SeekBar) = Unit

            override fun onStopTrackingTouch(bar: SeekBar) = Unit
        })
    }

    private fun use(runtime: String) {
        if (runtime != demo.screen.runtime) demo.use(runtime)
    }

    /** What can be opened: the app's own bundles, a file, and back out of a session. */
    private fun offerToOpen() {
        val choices = buildList<Pair<String, () -> Unit>> {
            add(getString(R.string.from_file) to ::pickDocument)
            demo.shippedNames.forEach { name -> add(name to { demo.openShipped(name) }) }
            val session = demo.screen.bundle?.sessionItems ?: 0
            if (session > 0) add(getString(R.string.end_session, session) to demo::endSession)
        }
        AlertDialog.Builder(this)
            .setTitle(R.string.open_description)
            .setItems(choices.map { shown(it.first) }.toTypedArray()) { _, chosen -> choices[chosen].second() }
            .show()
    }

    /** Needs no permission: the user chooses one document, and the app may read that one. */
    private fun pickDocument() {
        val intent = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("*/*")
        try {
            startActivityForResult(intent, PICK_DOCUMENT)
        } catch (none: ActivityNotFoundException) {
            views.say(getString(R.string.no_picker), alarming = true)
        }
    }

    private fun wish(saved: Bundle?) = Wish(
        runtime = saved?.getString(RUNTIME) ?: "litert",
        history = saved?.getStringArrayList(HISTORY) ?: shoppers.first().history,
        tiles = saved?.takeIf { it.containsKey(TILES) }?.getInt(TILES),
        adapted = saved?.getBoolean(ADAPTED) ?: false,
    )

    private companion object {
        const val PICK_DOCUMENT = 1
        const val RUNTIME = "runtime"
        const val HISTORY = "history"
        const val TILES = "tiles"
        const val ADAPTED = "adapted"
    }
}

/** Android 15 draws apps from edge to edge; what is to be read stays clear of bars and cameras. */
private fun View.keepClearOfSystemBars() = setOnApplyWindowInsetsListener { view, insets ->
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
        val bars = insets.getInsets(WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout())
        view.setPadding(bars.left, bars.top, bars.right, bars.bottom)
    } else {
        @Suppress("DEPRECATION")
        with(insets) {
            view.setPadding(systemWindowInsetLeft, systemWindowInsetTop, systemWindowInsetRight, systemWindowInsetBottom)
        }
    }
    insets
}
