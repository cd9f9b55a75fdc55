package ofa.demo

import android.app.Activity
import android.app.AlertDialog
import android.text.Editable
import android.text.TextWatcher
import android.view.ViewGroup
import android.widget.ArrayAdapter
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.ListView
import ofa.core.shown

/** A dialog that finds products by a part of their name or key, and adds one to the history. */
internal class ProductSearch(private val activity: Activity, private val demo: Demo) {
    private var found: List<Product> = emptyList()
    private val names = ArrayAdapter<String>(activity, android.R.layout.simple_list_item_1)
    private val field = EditText(activity).apply {
        hint = activity.getString(R.string.search, demo.screen.bundle?.products ?: 0)
        isSingleLine = true
        addTextChangedListener(object : TextWatcher {
            override fun afterTextChanged(text: Editable) = search(text.toString())

            override fun beforeTextChanged(text: CharSequence?, start: Int, count: Int, after: Int) = Unit

            override fun onTextChanged(text: CharSequence?, start: Int, before: Int, count: Int) = Unit
        })
    }

    fun show() {
        val list = ListView(activity).apply { adapter = names }
        val margin = (MARGIN_DP * activity.resources.displayMetrics.density).toInt()
        val content = LinearLayout(activity).apply {
            orientation = LinearLayout.VERTICAL
            setPadding(margin, 0, margin, 0)
            addView(field)
            addView(list, LinearLayout.LayoutParams(ViewGroup.LayoutParams.MATCH_PARENT, 0, 1f))
        }
        val dialog = AlertDialog.Builder(activity)
            .setTitle(R.string.add)
            .setView(content)
            .setNegativeButton(R.string.cancel, null)
            .show()
        list.setOnItemClickListener { _, _, position, _ ->
            demo.add(found[position].key)
            dialog.dismiss()
        }
        search("")
    }

    private fun search(text: String) = demo.search(text) { products ->
        // Answers come in the order of the questions: the last one stays.
        found = products
        names.clear()
        names.addAll(products.map { shown("${it.title} · ${it.key}") })
    }

    private companion object {
        const val MARGIN_DP = 20
    }
}
