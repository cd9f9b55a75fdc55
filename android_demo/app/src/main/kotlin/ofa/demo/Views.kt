package ofa.demo

import android.app.Activity
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.HorizontalScrollView
import android.widget.LinearLayout
import android.widget.RadioButton
import android.widget.SeekBar
import android.widget.Spinner
import android.widget.TextView
import ofa.core.shown as harmless

/**
 * The views of the screen, and how a [Screen] is drawn into them. It decides nothing.
 *
 * @param remove called with the place of a product that is to go.
 */
internal class Views(
    private val activity: Activity,
    private val shoppers: List<Shopper>,
    private val remove: (Int) -> Unit,
) {
    val open: View = find(R.id.open)
    val rollBack: View = find(R.id.roll_back)
    val adapt: View = find(R.id.adapt)
    val add: View = find(R.id.add)
    val litert: RadioButton = find(R.id.litert)
    val executorch: RadioButton = find(R.id.executorch)
    val slider: SeekBar = find(R.id.slider)

    private val bundle: TextView = find(R.id.bundle)
    private val notice: TextView = find(R.id.notice)
    private val shopper: Spinner = find(R.id.shoppers)
    private val products: ViewGroup = find(R.id.products)
    private val productsScroll: HorizontalScrollView = find(R.id.products_scroll)
    private val time: TextView = find(R.id.time)
    private val blocks: ViewGroup = find(R.id.blocks)
    private val rankingNote: TextView = find(R.id.ranking_note)
    private val before: ViewGroup = find(R.id.before)
    private val after: ViewGroup = find(R.id.after)
    private val bytes: TextView = find(R.id.bytes)
    private val tiles: TilesView = find(R.id.tiles)
    private val words = Words(activity)
    private var shown: Screen? = null
    private var floorTiles = 0

    init {
        val names = listOf(activity.getString(R.string.own_history)) + shoppers.map(Shopper::name)
        shopper.adapter = ArrayAdapter(activity, android.R.layout.simple_spinner_item, names).apply {
            setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item)
        }
        listsBesideEachOther()
    }

    /** Calls back when the user chose a shopper, not when the spinner follows the history. */
    fun onShopper(chosen: (Shopper) -> Unit) {
        shopper.onItemSelectedListener = object : AdapterView.OnItemSelectedListener {
            override fun onItemSelected(parent: AdapterView<*>?, view: View?, position: Int, id: Long) {
                val wanted = shoppers.getOrNull(position - 1) ?: return
                if (position != shopperOf(shown?.history)) chosen(wanted)
            }

            override fun onNothingSelected(parent: AdapterView<*>?) = Unit
        }
    }

    /** Tiles at a place of the slider. */
    fun tilesAt(progress: Int): Int = floorTiles + progress

    /** Draws what is different from what is shown. */
    fun show(screen: Screen) {
        val last = shown
        shown = screen
        adapt.isEnabled = screen.history.isNotEmpty() && screen.bundle != null
        add.isEnabled = screen.bundle != null
        litert.isChecked = screen.runtime == "litert"
        executorch.isChecked = screen.runtime == "executorch"
        if (last == null || screen.bundle != last.bundle || screen.busy != last.busy) bundle.text = words.bundle(screen)
        if (last == null || screen.notice != last.notice) {
            say(screen.notice?.let(words::notice), alarming = screen.notice?.alarming ?: false)
        }
        if (last == null || screen.history != last.history) showHistory(screen.history)
        if (last == null || screen.answer !== last.answer) showAnswer(screen.answer)
        if (last == null || screen.memory != last.memory) showMemory(screen.memory)
    }

    /** Shows a sentence, or none. */
    fun say(sentence: String?, alarming: Boolean) {
        notice.visibility = if (sentence == null) View.GONE else View.VISIBLE
        notice.text = sentence
        notice.setBackgroundResource(if (alarming) R.drawable.alarm else R.drawable.said)
        notice.setTextColor(activity.getColor(if (alarming) R.color.alarm else R.color.text))
    }

    private fun showHistory(history: List<Product>) {
        val chosen = shopperOf(history)
        shopper.setSelection(chosen)
        shopper.contentDescription = words.shopper(shopper.getItemAtPosition(chosen).toString())
        val grew = history.size > products.childCount
        fill(products, history.size, first = 0, R.layout.product)
        history.forEachIndexed { place, product ->
            val card = products.getChildAt(place)
            card.text(R.id.key, product.key)
            card.text(R.id.title, product.title)
            card.part<View>(R.id.remove).apply {
                contentDescription = words.remove(product)
                setOnClickListener { remove(place) }
            }
        }
        // What was bought last matters most.
        if (grew) productsScroll.post { productsScroll.fullScroll(View.FOCUS_RIGHT) }
    }

    private fun showAnswer(answer: Answer?) {
        time.text = words.time(answer)
        rankingNote.text = words.ranking(answer)
        val blocksShown = answer?.blocks.orEmpty()
        fill(blocks, blocksShown.size, first = 0, R.layout.block)
        blocksShown.forEachIndexed { index, block -> showBlock(blocks.getChildAt(index), block) }
        showPlaces(before, answer?.before.orEmpty(), moves = false)
        showPlaces(after, answer?.after.orEmpty(), moves = true)
        val visible = if (answer == null) View.GONE else View.VISIBLE
        before.visibility = visible
        after.visibility = visible
    }

    private fun showBlock(row: View, block: Block) {
        val gate = row.text(R.id.gate, words.gate(block))
        gate.setBackgroundResource(if (block.on) R.drawable.pill_on else R.drawable.pill_off)
        gate.setTextColor(activity.getColor(if (block.on) R.color.on_accent else R.color.text_soft))
        row.text(R.id.moved, words.moved(block))
        row.part<ThetaView>(R.id.theta).apply {
            show(block.theta)
            alpha = if (block.on) 1f else OFF_ALPHA
        }
        row.contentDescription = words.described(block)
    }

    private fun showPlaces(list: ViewGroup, places: List<Place>, moves: Boolean) {
        // The first child is the heading.
        fill(list, places.size, first = 1, R.layout.ranked)
        places.forEachIndexed { index, place ->
            val row = list.getChildAt(index + 1)
            row.text(R.id.place, place.place.toString())
            row.text(R.id.title, place.product.title.ifEmpty { place.product.key })
            row.text(R.id.score, words.score(place))
            val move = row.text(R.id.moved, if (moves) words.move(place) else "")
            move.setTextColor(activity.getColor(if ((place.climbed ?: 1) > 0) R.color.accent else R.color.text_soft))
            row.contentDescription = words.described(place, moves)
        }
    }

    private fun showMemory(memory: Memory?) {
        bytes.text = memory?.let(words::memory)
        slider.isEnabled = memory != null
        tiles.show(memory?.tiles ?: 0, memory?.tilesAtMost ?: 0)
        if (memory == null) return
        floorTiles = memory.floorTiles
        slider.max = memory.tilesAtMost - memory.floorTiles
        slider.progress = memory.tiles - memory.floorTiles
        tiles.contentDescription = words.tiles(memory)
    }

    /** Both lists fit beside each other unless the screen is narrow for the size of its letters. */
    private fun listsBesideEachOther() {
        val configuration = activity.resources.configuration
        val columns = if (configuration.screenWidthDp >= WIDE_DP) 2 else 1
        val beside = configuration.screenWidthDp / columns >= BESIDE_DP * configuration.fontScale
        find<LinearLayout>(R.id.rankings).orientation = if (beside) LinearLayout.HORIZONTAL else LinearLayout.VERTICAL
        if (!beside) {
            listOf(before, after).forEach { it.layoutParams.width = ViewGroup.LayoutParams.MATCH_PARENT }
        }
    }

    private fun shopperOf(history: List<Product>?): Int {
        val keys = history?.map(Product::key)
        return 1 + shoppers.indexOfFirst { it.history == keys }
    }

    /** Makes a group have so many children of a layout after the first ones; what is there is used again. */
    private fun fill(group: ViewGroup, count: Int, first: Int, layout: Int) {
        while (group.childCount > first + count) group.removeViewAt(group.childCount - 1)
        while (group.childCount < first + count) LayoutInflater.from(activity).inflate(layout, group, true)
    }

    private fun <V : View> find(id: Int): V = checkNotNull(activity.findViewById(id))

    private fun <V : View> View.part(id: Int): V = checkNotNull(findViewById(id))

    private fun View.text(id: Int, text: String): TextView = part<TextView>(id).also { it.text = harmless(text) }

    private companion object {
        const val OFF_ALPHA = 0.35f
        const val WIDE_DP = 600
        const val BESIDE_DP = 320
    }
}
