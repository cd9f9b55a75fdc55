package ofa.core

/** Why a file must not be used; never leaves this package, where [Opened.Rejected] takes its place. */
internal class Refused(val code: RejectionCode, val entry: String?, val reason: String) :
    Exception(reason, null, false, false)

/** Stop reading. */
internal fun refuse(code: RejectionCode, reason: String, entry: String? = null): Nothing =
    throw Refused(code, entry, reason)

/** Stop reading unless [condition] holds. */
internal inline fun demand(condition: Boolean, code: RejectionCode, entry: String? = null, reason: () -> String) {
    if (!condition) refuse(code, reason(), entry)
}

/** What [read] gives or refuses. */
internal inline fun <T> reading(read: () -> T): Opened<T> =
    try {
        Opened.Ready(read())
    } catch (refused: Refused) {
        Opened.Rejected(refused.code, refused.entry?.let(::shown), shown(refused.reason))
    }

/** A number with its digits in groups of three. */
internal fun grouped(number: Long): String =
    number.toString().reversed().chunked(3).joinToString(",").reversed().replace("-,", "-")

internal fun grouped(number: Int): String = grouped(number.toLong())
