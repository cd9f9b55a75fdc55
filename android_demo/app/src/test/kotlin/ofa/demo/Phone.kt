package ofa.demo

import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.net.Uri
import android.os.Bundle
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.SeekBar
import android.widget.TextView
import java.io.File
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController

/** The app on a phone: what a finger can do with it and what an eye can see of it. */
internal class Phone(saved: Bundle? = null) : AutoCloseable {
    private val controller: ActivityController<MainActivity> =
        Robolectric.buildActivity(MainActivity::class.java).create(saved).start().postCreate(saved).resume().visible()
    private val main = shadowOf(Looper.getMainLooper())

    val activity: MainActivity get() = controller.get()
    val screen: Screen get() = activity.demo.screen

    init {
        settle()
    }

    /** Waits until the worker has nothing to do and everything is drawn. */
    fun settle() {
        val end = System.nanoTime() + PATIENCE_NS
        main.idle()
        while (screen.busy) {
            check(System.nanoTime() < end) { "the app is still busy" }
            Thread.sleep(2)
            main.idle()
        }
    }

    fun tap(id: Int) {
        val view = view<View>(id)
        check(view.isEnabled) { "$view cannot be tapped" }
        view.performClick()
        settle()
    }

    fun slide(tiles: Int) {
        val slider = view<SeekBar>(R.id.slider)
        slider.progress = tiles - screen.memory!!.floorTiles
        // A program's change is not a finger's: Robolectric lets the listener hear of one.
        shadowOf(slider).onSeekBarChangeListener.onProgressChanged(slider, slider.progress, true)
        settle()
    }

    /** Chooses a file in the document picker. */
    fun open(name: String) {
        tap(R.id.open)
        shadowOf(org.robolectric.shadows.ShadowAlertDialog.getLatestAlertDialog()).clickOnItem(0)
        settle()
        val asked = shadowOf(activity).nextStartedActivityForResult.intent
        check(asked.action == Intent.ACTION_OPEN_DOCUMENT) { asked }
        val document = Uri.parse("content://files/$name")
        shadowOf(activity.contentResolver).registerInputStream(document, File(golden, name).inputStream())
        shadowOf(activity).receiveResult(asked, android.app.Activity.RESULT_OK, Intent().setData(document))
        settle()
    }

    fun turn(qualifiers: String) {
        RuntimeEnvironment.setQualifiers(qualifiers)
        controller.configurationChange()
        settle()
    }

    fun trim(level: Int) {
        activity.onTrimMemory(level)
        settle()
    }

    /** What Android keeps of an app that it ends. */
    fun saved(): Bundle = Bundle().also { controller.pause().stop().saveInstanceState(it) }

    fun text(id: Int): String = view<TextView>(id).text.toString()

    /** Item keys of a list on the screen, with their scores. */
    fun list(id: Int): List<Pair<String, Double>> = rows(id).map { row ->
        val (key, score) = row.findViewById<TextView>(R.id.score)!!.text.split(" · ")
        key to score.toDouble()
    }

    fun rows(id: Int): List<View> = view<ViewGroup>(id).run { (1 until childCount).map(::getChildAt) }

    fun <V : View> view(id: Int): V = checkNotNull(activity.findViewById(id))

    /** What is to be seen, as big as the window. */
    fun picture(): Bitmap {
        val all = activity.window.decorView
        return Bitmap.createBitmap(all.width, all.height, Bitmap.Config.ARGB_8888).also { all.draw(Canvas(it)) }
    }

    override fun close() {
        controller.close()
    }

    companion object {
        private const val PATIENCE_NS = 60_000_000_000L

        /** Where the Python half wrote files to open and what is to be expected of them. */
        val golden = File(System.getProperty("ofa.golden")!!)
    }
}

/** All views in a tree. */
internal fun View.tree(): Sequence<View> = sequence {
    yield(this@tree)
    val group = this@tree as? ViewGroup ?: return@sequence
    for (index in 0 until group.childCount) yieldAll(group.getChildAt(index).tree())
}
