package ofa.core

import java.nio.ByteBuffer
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/**
 * JSON as the toolkit's reader takes it: RFC 8259, and `NaN`, `Infinity`, `-Infinity`, which are refused where a number
 * is used.
 *
 * The library builds the tree; what it is lenient about is checked here: words without quotes, numbers such as 01 or
 * 1.0.0, control characters and lone surrogates in texts, depth without an end. Of a key that appears twice the last
 * value counts, as in the toolkit; documents of ours are refused then, for not being canonical.
 */
internal object StrictJson {
    private const val MAX_DEPTH = 201
    private const val MAX_DIGITS = 4300
    private val INTEGER = Regex("-?(0|[1-9][0-9]*)")
    private val NUMBER = Regex("""-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?""")
    private val WORDS = setOf("true", "false", "NaN", "Infinity", "-Infinity")

    /** The value that [data] holds, null if it is not JSON. */
    fun parse(data: ByteBuffer): JsonElement? {
        val text = data.utf8() ?: return null
        if (text.startsWith('\uFEFF') || !isPlain(text)) return null
        return try {
            Json.parseToJsonElement(text).takeIf(::isSound)
        } catch (_: SerializationException) {
            null
        }
    }

    /** Whether a value is a whole number, in its text: 1.0 is none. */
    fun isInteger(value: JsonElement): Boolean =
        value is JsonPrimitive && !value.isString && INTEGER.matches(value.content)

    /** Whether a value is any number. */
    fun isNumber(value: JsonElement): Boolean =
        value is JsonPrimitive && !value.isString && value !is JsonNull && value.content != "true" &&
            value.content != "false"

    private fun isSound(value: JsonElement): Boolean =
        when (value) {
            is JsonObject -> value.all { (key, each) -> isText(key) && isSound(each) }
            is JsonArray -> value.all(::isSound)
            is JsonNull -> true
            is JsonPrimitive -> if (value.isString) isText(value.content) else isLiteral(value.content)
        }

    private fun isLiteral(text: String) =
        text in WORDS || (INTEGER.matches(text) && text.trimStart('-').length <= MAX_DIGITS) ||
            (!INTEGER.matches(text) && NUMBER.matches(text))

    private fun isText(text: String): Boolean {
        var at = 0
        while (at < text.length) {
            val point = text.codePointAt(at)
            if (point in 0xD800..0xDFFF) return false
            at += Character.charCount(point)
        }
        return true
    }

    /** Whether no text holds a control character, and no more brackets are open at once than may be. */
    private fun isPlain(text: String): Boolean {
        var depth = 0
        var quoted = false
        var escaped = false
        for (character in text) {
            if (character < ' ' && (quoted || character !in "\n\r\t")) return false
            when {
                escaped -> escaped = false
                quoted && character == '\\' -> escaped = true
                character == '"' -> quoted = !quoted
                quoted -> Unit
                character == '[' || character == '{' -> if (++depth > MAX_DEPTH) return false
                character == ']' || character == '}' -> depth--
            }
        }
        return true
    }
}
