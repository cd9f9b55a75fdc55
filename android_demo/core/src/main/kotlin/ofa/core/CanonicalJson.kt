package ofa.core

import java.math.BigDecimal
import java.math.MathContext
import java.math.RoundingMode
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/**
 * JSON as the toolkit writes it: ASCII, compact, keys sorted by code point, each once, numbers as Python writes them.
 *
 * A document is compared with this, which leaves one way only to write it.
 */
internal object CanonicalJson {
    /** The text of a value, null if it holds a number that is not finite. */
    fun write(value: JsonElement): String? = StringBuilder().takeIf { it.addValue(value) }?.toString()

    private fun StringBuilder.addValue(value: JsonElement): Boolean =
        when (value) {
            is JsonObject -> addObject(value)
            is JsonArray -> addAll('[', ']', value) { addValue(it) }
            is JsonNull -> append("null").let { true }
            is JsonPrimitive -> addPrimitive(value)
        }

    private fun StringBuilder.addObject(value: JsonObject): Boolean =
        addAll('{', '}', value.entries.sortedWith { a, b -> byCodePoints(a.key, b.key) }) { (key, each) ->
            addText(key)
            append(':')
            addValue(each)
        }

    private fun <T> StringBuilder.addAll(open: Char, close: Char, all: Collection<T>, add: (T) -> Boolean): Boolean {
        append(open)
        all.forEachIndexed { index, each ->
            if (index > 0) append(',')
            if (!add(each)) return false
        }
        append(close)
        return true
    }

    private fun StringBuilder.addPrimitive(value: JsonPrimitive): Boolean {
        val content = value.content
        when {
            value.isString -> addText(content)
            content == "true" || content == "false" -> append(content)
            StrictJson.isInteger(value) -> append(if (content == "-0") "0" else content)
            else -> append(python(number(content)) ?: return false)
        }
        return true
    }

    private fun StringBuilder.addText(text: String) {
        append('"')
        for (character in text) {
            when (character) {
                '"', '\\' -> append('\\').append(character)
                '\n' -> append("\\n")
                '\r' -> append("\\r")
                '\t' -> append("\\t")
                '\b' -> append("\\b")
                '\u000c' -> append("\\f")
                in ' '..'~' -> append(character)
                else -> append("\\u").append(hex(character.code, 4))
            }
        }
        append('"')
    }

    /** The number that a literal stands for; NaN and infinities by name. */
    fun number(content: String): Double =
        when (content) {
            "NaN" -> Double.NaN
            "Infinity" -> Double.POSITIVE_INFINITY
            "-Infinity" -> Double.NEGATIVE_INFINITY
            else -> content.toDouble()
        }

    /** Python's repr of a float, null if it is not finite: the fewest digits that read back as the same number. */
    fun python(value: Double): String? {
        if (value.isNaN() || value.isInfinite()) return null
        if (value == 0.0) return if (1 / value < 0) "-0.0" else "0.0"
        val decimal = shortest(BigDecimal(value)).stripTrailingZeros()
        val digits = decimal.unscaledValue().abs().toString()
        val exponent = digits.length - 1 - decimal.scale()
        val sign = if (value < 0) "-" else ""
        if (exponent < -4 || exponent >= 16) return sign + scientific(digits, exponent)
        val plain = decimal.abs().toPlainString()
        return sign + if ('.' in plain) plain else "$plain.0"
    }

    private fun scientific(digits: String, exponent: Int): String {
        val mantissa = if (digits.length == 1) digits else digits[0] + "." + digits.substring(1)
        val size = kotlin.math.abs(exponent).toString().padStart(2, '0')
        return mantissa + (if (exponent < 0) "e-" else "e+") + size
    }

    // Double.toString is not always the shortest before Java 19, nor on phones.
    private fun shortest(exact: BigDecimal): BigDecimal {
        val value = exact.toDouble()
        for (digits in 1..17) {
            for (mode in listOf(RoundingMode.HALF_EVEN, RoundingMode.DOWN, RoundingMode.UP)) {
                val rounded = exact.round(MathContext(digits, mode))
                if (rounded.toDouble() == value) return rounded
            }
        }
        return exact
    }

    private fun byCodePoints(a: String, b: String): Int {
        val at = a.indices.firstOrNull { it >= b.length || a[it] != b[it] } ?: return a.length - b.length
        if (at >= b.length) return 1
        // Two surrogates that differ are in the order of their code points, and all of them are above other characters.
        val surrogates = compareValues(a[at].isSurrogate(), b[at].isSurrogate())
        return if (surrogates != 0) surrogates else a[at] - b[at]
    }
}
