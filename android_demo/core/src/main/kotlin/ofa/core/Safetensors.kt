package ofa.core

import java.nio.ByteBuffer
import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** One tensor of a safetensors file: [dtype] as numpy calls it, and its bytes, row by row. */
internal class RawTensor(val dtype: String, val shape: List<Int>, val data: ByteBuffer) {
    /** Number of values. */
    val size: Int = shape.fold(1) { product, axis -> product * axis }
}

/** Reads a safetensors file: header length, JSON header, tensors behind each other without gaps. */
internal object Safetensors {
    private const val MAX_HEADER = 100_000_000L
    private const val METADATA = "__metadata__"

    /** A size as JSON has it; the library is lenient about numbers. */
    private val SIZE = Regex("0|[1-9][0-9]*")

    /** Names that numpy has for types, and their bytes. */
    private val TYPES = mapOf(
        "BOOL" to ("bool" to 1), "U8" to ("uint8" to 1), "I8" to ("int8" to 1), "U16" to ("uint16" to 2),
        "I16" to ("int16" to 2), "F16" to ("float16" to 2), "U32" to ("uint32" to 4), "I32" to ("int32" to 4),
        "F32" to ("float32" to 4), "U64" to ("uint64" to 8), "I64" to ("int64" to 8), "F64" to ("float64" to 8),
        "C64" to ("complex64" to 8),
    )

    private class Described(val dtype: String, val width: Int, val shape: List<Long>, val start: Long, val stop: Long)

    /** The tensors by name; null if it is not such a file. */
    fun read(file: ByteBuffer): Map<String, RawTensor>? {
        if (file.limit() < 8) return null
        val headerBytes = file.getLong(0)
        if (headerBytes !in 1..minOf(MAX_HEADER, file.limit() - 8L)) return null
        val header = header(file.part(8, headerBytes.toInt())) ?: return null
        if (!isMetadata(header[METADATA])) return null
        val data = file.part(8 + headerBytes.toInt(), file.limit() - 8 - headerBytes.toInt())
        val described = (header - METADATA).mapValues { described(it.value) ?: return null }
        if (!areWithoutGaps(described.values, data.limit().toLong())) return null
        return described.mapValues { (_, each) ->
            val bytes = data.part(each.start.toInt(), (each.stop - each.start).toInt())
            RawTensor(each.dtype, each.shape.map { it.toInt() }, bytes)
        }
    }

    private fun header(data: ByteBuffer): JsonObject? =
        try {
            data.utf8()?.let(Json::parseToJsonElement) as? JsonObject
        } catch (_: SerializationException) {
            null
        }

    private fun isMetadata(value: JsonElement?) =
        value == null || (value is JsonObject && value.values.all { it is JsonPrimitive && it.isString })

    private fun described(value: JsonElement): Described? {
        val fields = value as? JsonObject ?: return null
        val (dtype, width) = TYPES[(fields["dtype"] as? JsonPrimitive)?.takeIf { it.isString }?.content] ?: return null
        val shape = sizes(fields["shape"]) ?: return null
        val (start, stop) = sizes(fields["data_offsets"])?.takeIf { it.size == 2 } ?: return null
        return Described(dtype, width, shape, start, stop)
    }

    private fun sizes(value: JsonElement?): List<Long>? =
        (value as? JsonArray)?.map { each ->
            val text = (each as? JsonPrimitive)?.takeUnless { it.isString }?.content ?: return null
            text.takeIf(SIZE::matches)?.toLongOrNull() ?: return null
        }

    /** Whether the tensors have the bytes that their shapes need, and lie behind each other from the first byte on. */
    private fun areWithoutGaps(all: Collection<Described>, dataBytes: Long): Boolean {
        var end = 0L
        for (each in all.sortedWith(compareBy({ it.start }, { it.stop }))) {
            if (each.start != end || each.stop !in end..dataBytes || bytes(each) != each.stop - each.start) return false
            end = each.stop
        }
        return end == dataBytes
    }

    private fun bytes(each: Described): Long? =
        each.shape.fold(each.width.toLong()) { product, axis ->
            if (axis != 0L && product > Int.MAX_VALUE / axis) return null
            product * axis
        }
}
