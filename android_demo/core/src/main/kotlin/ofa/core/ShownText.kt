package ofa.core

private const val MAX_QUOTED = 1000

private val UNPRINTABLE =
    setOf(
        Character.CONTROL,
        Character.FORMAT,
        Character.SURROGATE,
        Character.PRIVATE_USE,
        Character.UNASSIGNED,
        Character.LINE_SEPARATOR,
        Character.PARAGRAPH_SEPARATOR,
        Character.SPACE_SEPARATOR,
    )

/** A text that may quote a hostile file, as it can be shown: no control character of it, and not without an end. */
internal fun shown(text: String): String {
    val points = text.codePoints().limit(MAX_QUOTED + 1L).toArray()
    val shown = StringBuilder()
    points.take(MAX_QUOTED).forEach { shown.append(shownCharacter(it)) }
    return if (points.size > MAX_QUOTED) shown.append('…').toString() else shown.toString()
}

private fun shownCharacter(point: Int): String =
    when {
        point == '\n'.code -> " "
        point == ' '.code -> " "
        Character.getType(point).toByte() !in UNPRINTABLE -> String(Character.toChars(point))
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
