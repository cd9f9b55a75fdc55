package ofa.demo

import android.content.Context
import ofa.core.shown

/** Everything that the screen says, for eyes and for screen readers; what it quotes can do nothing to either. */
internal class Words(private val context: Context) {
    fun bundle(screen: Screen): String {
        val line = screen.bundle ?: return text(if (screen.busy) R.string.opening else R.string.no_bundle)
        val lines = listOfNotNull(
            text(R.string.bundle_line, line.runtime, line.precision, line.group, line.products),
            text(R.string.bundle_bytes, line.bytes, line.budgetBytes),
            text(R.string.bundle_tested, line.selfTestSnrDb, line.minSnrDb),
            if (line.sessionItems > 0) text(R.string.bundle_session, line.sessionItems) else null,
        )
        return lines.joinToString("\n")
    }

    fun notice(notice: Notice): String = when (notice) {
        is Notice.Activated -> text(if (notice.rolledBack) R.string.rolled_back else R.string.activated, notice.bytes)
        is Notice.Rejected -> text(R.string.rejected, listOfNotNull(notice.entry, notice.reason).joinToString(": "))
        is Notice.Damaged -> text(R.string.damaged, notice.reason)
        is Notice.Session -> notice.items?.let { text(R.string.session, it) } ?: text(R.string.session_ended)
        is Notice.Unknown -> text(R.string.unknown, notice.keys.joinToString())
        is Notice.Failed -> shown(notice.reason)
    }

    fun time(answer: Answer?): String = answer?.timing?.let {
        text(R.string.time, it.p50, it.p90, it.passes, it.ranking)
    } ?: text(R.string.not_adapted)

    fun gate(block: Block): String = text(if (block.on) R.string.block_on else R.string.block_off, block.index)

    fun moved(block: Block): String = block.fromLast?.let {
        text(R.string.theta_moved, block.theta.size, block.fromStatic, it)
    } ?: text(R.string.theta, block.theta.size, block.fromStatic)

    fun described(block: Block): String = text(R.string.block_description, gate(block), block.margin, moved(block))

    fun ranking(answer: Answer?): String {
        if (answer == null) return text(R.string.ranking_empty)
        val known = answer.before.map { it.product.key }.toSet()
        val new = answer.after.count { it.product.key !in known }
        return text(R.string.ranking_note, answer.products, new, answer.after.size)
    }

    fun score(place: Place): String = text(R.string.score, place.product.key, place.score)

    fun move(place: Place): String = when (val climbed = place.climbed) {
        null -> text(R.string.new_place)
        0 -> text(R.string.same)
        else -> if (climbed > 0) text(R.string.up, climbed) else text(R.string.down, -climbed)
    }

    fun described(place: Place, moves: Boolean): String {
        val climbed = place.climbed
        val move = when {
            !moves -> ""
            climbed == null -> text(R.string.ranked_new)
            climbed == 0 -> text(R.string.ranked_same)
            else -> if (climbed > 0) text(R.string.ranked_up, climbed) else text(R.string.ranked_down, -climbed)
        }
        return text(R.string.ranked_description, place.place, place.product.title, place.score, move)
    }

    fun memory(memory: Memory): String {
        val line = text(R.string.bytes, memory.bytes, memory.bytesAtMost, memory.tiles, memory.tilesAtMost)
        return if (memory.trimmed) "$line\n${text(R.string.trimmed)}" else line
    }

    fun tiles(memory: Memory): String = text(R.string.tiles_description, memory.tiles, memory.tilesAtMost)

    fun shopper(name: String): String = text(R.string.shopper, name)

    fun remove(product: Product): String = text(R.string.remove, product.title)

    private fun text(id: Int, vararg values: Any): String =
        context.getString(id, *values.map { if (it is String) shown(it) else it }.toTypedArray())
}
