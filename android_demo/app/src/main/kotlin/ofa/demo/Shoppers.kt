package ofa.demo

import java.io.BufferedReader

/** A shopper to choose: a name for the kind of things bought, and item keys, oldest first. */
data class Shopper(val name: String, val history: List<String>) {
    companion object {
        /** Reads lines of `NAME: KEY,KEY…`; a line that starts with `#` is a comment. */
        fun read(reader: BufferedReader): List<Shopper> = reader.useLines { lines ->
            lines.filter { it.isNotBlank() && !it.startsWith("#") }.map(::parse).toList()
        }

        private fun parse(line: String): Shopper {
            val (name, keys) = line.split(": ", limit = 2)
            return Shopper(name, keys.split(","))
        }
    }
}
