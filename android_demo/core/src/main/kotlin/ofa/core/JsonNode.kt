package ofa.core

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** The document that values are of. */
internal class JsonSource(val entry: String) {
    /** Whether a number is written as one of another type, such as 3 for 3.0: the toolkit never writes it so. */
    var hasOtherNumbers: Boolean = false
}

/** A value of a document together with its place in it, which every refusal names. */
internal class JsonNode(private val source: JsonSource, private val place: String, val element: JsonElement) {
    /** Refuse this value. */
    fun wrong(problem: String): Nothing =
        refuse("${place.ifEmpty { "taken together" }}: $problem.", source.entry)

    /** Refuse this value, whose parts are sound, unless they fit together. */
    inline fun agree(condition: Boolean, problem: () -> String) {
        if (!condition) wrong("Value error, " + problem())
    }

    /** Read an object of exactly the fields that [read] asks for. */
    fun <T> fields(read: ObjectFields.() -> T): T {
        val fields = ObjectFields(objectOrWrong())
        val value = fields.read()
        fields.refuseOthers()
        return value
    }

    /** Read an object of any keys. */
    fun <T> map(maxSize: Int, read: (JsonNode) -> T): Map<String, T> {
        val values = objectOrWrong().entries.associate { (key, value) ->
            JsonNode(source, inside(key) + ".[key]", JsonPrimitive(key)).name()
            key to read(JsonNode(source, inside(key), value))
        }
        if (values.size > maxSize) wrong("Dictionary should have at most $maxSize items")
        return values
    }

    /** Read an array. */
    fun <T> list(minSize: Int = 0, maxSize: Int = Int.MAX_VALUE, read: (JsonNode) -> T): List<T> {
        val values = ArrayList<T>()
        var first: Refused? = null
        arrayOrWrong().forEachIndexed { index, value ->
            try {
                values += read(JsonNode(source, inside("$index"), value))
            } catch (refused: Refused) {
                first = first ?: refused
            }
            // Too many sound items come before one that is not: the toolkit's order of checks.
            if (values.size > maxSize) wrong("Tuple should have at most $maxSize items")
        }
        first?.let { throw it }
        if (values.size < minSize) wrong("Tuple should have at least $minSize items")
        return values
    }

    /** Read an array of two. */
    fun <A, B> pair(first: (JsonNode) -> A, second: (JsonNode) -> B): Pair<A, B> {
        val array = arrayOrWrong()
        fun item(index: Int): JsonNode {
            val value = array.getOrNull(index) ?: refuse("${inside("$index")}: Field required.", source.entry)
            return JsonNode(source, inside("$index"), value)
        }
        val pair = first(item(0)) to second(item(1))
        if (array.size > 2) wrong("Tuple should have at most 2 items")
        return pair
    }

    fun text(sizes: IntRange = 0..Int.MAX_VALUE): String {
        val primitive = element as? JsonPrimitive
        if (primitive == null || !primitive.isString) wrong("Input should be a valid string")
        val size = primitive.content.codePointCount(0, primitive.content.length)
        if (size !in sizes) wrong("String should have ${sizes.first} to ${sizes.last} characters")
        return primitive.content
    }

    fun name(): String = text(1..200)

    fun text(pattern: Regex, maxSize: Int = Int.MAX_VALUE): String {
        val text = text(0..maxSize)
        if (!pattern.matches(text)) wrong("String should match pattern '$pattern'")
        return text
    }

    fun oneOf(vararg choices: String): String {
        val content = (element as? JsonPrimitive)?.takeIf { it.isString }?.content
        return choices.find { it == content } ?: wrong("Input should be ${choices.joinToString(" or ")}")
    }

    fun digest(): String = text(DIGEST)

    fun boolean(): Boolean =
        when ((element as? JsonPrimitive)?.takeUnless { it.isString }?.content) {
            "true" -> true
            "false" -> false
            else -> wrong("Input should be a valid boolean")
        }

    fun integer(range: LongRange): Long {
        val text = integerText()
        val value = text.toLongOrNull()
        if (value == null || value !in range) wrong("Input should be from ${range.first} to ${range.last}")
        return value
    }

    fun integer(range: IntRange): Int = integer(range.first.toLong()..range.last.toLong()).toInt()

    /** Any whole number; one that no Int can hold becomes the least Int. */
    fun anyInteger(): Int = integerText().toIntOrNull() ?: Int.MIN_VALUE

    /** The number [only], and nothing else. */
    fun exactly(only: Int) {
        val isNumber = StrictJson.isNumber(element)
        if (!isNumber || CanonicalJson.number((element as JsonPrimitive).content) != only.toDouble()) {
            wrong("Input should be $only")
        }
        if (!StrictJson.isInteger(element)) source.hasOtherNumbers = true
    }

    fun number(isAllowed: (Double) -> Boolean): Double {
        if (!StrictJson.isNumber(element)) wrong("Input should be a valid number")
        val value = CanonicalJson.number((element as JsonPrimitive).content)
        if (value.isNaN() || value.isInfinite()) wrong("Input should be a finite number")
        if (!isAllowed(value)) wrong("Input is out of range")
        if (StrictJson.isInteger(element)) source.hasOtherNumbers = true
        return value
    }

    /** What [read] makes of the value, null if it is null. */
    fun <T> unlessNull(read: (JsonNode) -> T): T? = if (element is JsonNull) null else read(this)

    /** An object of which nothing is asked. */
    fun anyObject() {
        objectOrWrong()
    }

    private fun integerText(): String {
        if (!StrictJson.isInteger(element)) wrong("Input should be a valid integer")
        return (element as JsonPrimitive).content
    }

    private fun objectOrWrong() = element as? JsonObject ?: wrong("Input should be an object")

    private fun arrayOrWrong() = element as? JsonArray ?: wrong("Input should be a valid tuple")

    private fun inside(key: String) = if (place.isEmpty()) key else "$place.$key"

    /** The fields of an object, asked for by name in the order in which the toolkit checks them. */
    inner class ObjectFields(private val content: JsonObject) {
        private val asked = HashSet<String>()

        operator fun get(name: String): JsonNode {
            asked += name
            val value = content[name] ?: refuse("${inside(name)}: Field required.", source.entry)
            return JsonNode(source, inside(name), value)
        }

        fun refuseOthers() {
            val other = content.entries.find { it.key !in asked } ?: return
            JsonNode(source, inside(other.key), other.value).wrong("Extra inputs are not permitted")
        }
    }

    private companion object {
        val DIGEST = Regex("[0-9a-f]{64}")
    }
}
