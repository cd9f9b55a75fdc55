package ofa.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assumptions.assumeTrue

/** The corpus of damaged files, and what the Python side wrote for these tests (tests/android_demo/golden.py). */
object TestFiles {
    val corpus: File get() = folder("ofa.corpus")
    val golden: File get() = folder("ofa.golden")

    fun cases(file: File): List<JsonObject> = Json.parseToJsonElement(file.readText()).jsonArray.map { it.jsonObject }

    fun floats(file: File): FloatArray {
        val data = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
        return FloatArray(data.capacity()).also { data.get(it) }
    }

    private fun folder(property: String): File {
        val path = System.getProperty(property)
        assumeTrue(path != null, "run by pytest tests/android_demo, which sets $property")
        return File(path)
    }
}

fun JsonObject.text(name: String): String = getValue(name).jsonPrimitive.content

fun JsonObject.textOrNull(name: String): String? = get(name)?.takeUnless { it is JsonNull }?.jsonPrimitive?.content

fun JsonObject.list(name: String): List<JsonElement> = getValue(name).jsonArray

fun JsonObject.int(name: String): Int = text(name).toInt()

val JsonElement.int: Int get() = jsonPrimitive.content.toInt()

val JsonElement.float: Float get() = jsonPrimitive.content.toFloat()

val JsonElement.double: Double get() = jsonPrimitive.content.toDouble()

/** The value that must be there. */
fun <T> Opened<T>.ready(): T =
    when (this) {
        is Opened.Ready -> value
        is Opened.Rejected -> throw AssertionError("rejected: $sentence")
    }

/** The value that must be there. */
fun <T> Outcome<T>.ready(): T =
    when (this) {
        is Outcome.Ready -> value
        is Outcome.Failed -> throw AssertionError("failed: $reason")
    }
