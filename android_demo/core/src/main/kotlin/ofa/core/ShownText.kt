package ofa.core

/** Characters of a text that are shown, the words that say how long it was included. */
private const val MAX_SHOWN = 1000

/** Combining marks on one letter: no language writes more, and a pile of them hides the lines above and below. */
private const val MAX_MARKS = 4

private const val JOINER = 0x200d
private const val NON_JOINER = 0x200c

/** What Unicode calls letters, marks and symbols, and nobody sees. */
private val BLANK = setOf(0x34f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0)

private val UNSEEN =
    setOf(
        Character.CONTROL,
        Character.FORMAT,
        Character.SURROGATE,
        Character.PRIVATE_USE,
        Character.UNASSIGNED,
        Character.LINE_SEPARATOR,
        Character.PARAGRAPH_SEPARATOR,
    )
private val MARKS = setOf(Character.NON_SPACING_MARK, Character.ENCLOSING_MARK)
private val BEFORE_IN_EMOJI =
    setOf(Character.OTHER_SYMBOL, Character.MODIFIER_SYMBOL, Character.NON_SPACING_MARK)
private val BEFORE_IN_WORD =
    setOf(Character.OTHER_LETTER, Character.NON_SPACING_MARK, Character.COMBINING_SPACING_MARK)

/**
 * Text that others wrote, as it may be shown: on one line, bounded, and unable to do anything.
 *
 * Titles, keys and names out of files and the words of other programs can hold controls that turn the direction of what
 * follows, letters that nobody sees, and no end. Letters of all scripts, accents and emoji stay; the rest is written as
 * Python writes it in a literal, for ofa_export/foreign_text.py has the same rules. Shown twice, a text is the same as
 * shown once.
 */
public fun shown(text: String): String {
    val count = text.codePointCount(0, text.length)
    // An escape is never shorter than its character: no more than this can be left of either end.
    val whole = if (count <= 2 * MAX_SHOWN) {
        escaped(text)
    } else {
        escaped(text.substring(0, text.offsetByCodePoints(0, MAX_SHOWN))) +
            escaped(text.substring(text.offsetByCodePoints(text.length, -MAX_SHOWN)))
    }
    if (count <= 2 * MAX_SHOWN && whole.codePointCount(0, whole.length) <= MAX_SHOWN) return whole
    val note = " … [cut: ${grouped(count)} characters] … "
    val last = (MAX_SHOWN - note.length) / 3
    val start = whole.substring(0, whole.offsetByCodePoints(0, MAX_SHOWN - note.length - last))
    val end = whole.substring(whole.offsetByCodePoints(whole.length, -last))
    return start.trimEnd { isJoiner(it.code) } + note + end.trimStart { isJoiner(it.code) }
}

private fun escaped(text: String): String {
    val points = text.codePoints().toArray()
    val parts = StringBuilder()
    var marks = 0
    var before: Int? = null
    points.forEachIndexed { at, point ->
        val kind = typeOf(point)
        marks = if (kind in MARKS) marks + 1 else 0
        val isSeen = kind !in UNSEEN && point !in BLANK && marks <= MAX_MARKS
        val isBlank = point == '\n'.code || kind == Character.SPACE_SEPARATOR
        val isKept = !isBlank && (isSeen || joins(before, point, points.getOrNull(at + 1)))
        when {
            isBlank -> parts.append(' ')
            isKept -> parts.appendCodePoint(point)
            else -> parts.append(escape(point))
        }
        before = if (isKept) point else null
    }
    return parts.toString()
}

/** Whether a joiner is where a script needs it: inside an emoji, or between letters that have no case. */
private fun joins(before: Int?, point: Int, after: Int?): Boolean {
    if (before == null || after == null || after in BLANK || !isJoiner(point)) return false
    val isEmoji = point == JOINER && typeOf(before) in BEFORE_IN_EMOJI && typeOf(after) == Character.OTHER_SYMBOL
    return isEmoji || (typeOf(before) in BEFORE_IN_WORD && typeOf(after) == Character.OTHER_LETTER)
}

private fun isJoiner(point: Int) = point == JOINER || point == NON_JOINER

private fun typeOf(point: Int): Byte = Character.getType(point).toByte()

private fun escape(point: Int): String =
    when {
        point == '\r'.code -> "\\r"
        point == '\t'.code -> "\\t"
        point < 0x100 -> "\\x" + hex(point, 2)
        point < 0x10000 -> "\\u" + hex(point, 4)
        else -> "\\U" + hex(point, 8)
    }

/** [number] in lower-case hexadecimal, at least [digits] long. */
internal fun hex(number: Int, digits: Int): String = Integer.toHexString(number).padStart(digits, '0')

/** Bytes in lower-case hexadecimal. */
internal fun hex(bytes: ByteArray): String = bytes.joinToString("") { hex(it.toInt() and 0xff, 2) }
