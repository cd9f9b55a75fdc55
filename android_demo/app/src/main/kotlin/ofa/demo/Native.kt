package ofa.demo

import java.nio.Buffer

// What both runtimes need around native code.

/** To the first value. Typed as [Buffer]: the type that a ByteBuffer's own method returns differs on old phones. */
internal fun Buffer.restart() {
    clear()
}

/** What an exception of a runtime says, or at least which it was. */
internal fun said(failure: Throwable): String =
    failure.message?.trim()?.takeIf(String::isNotEmpty) ?: failure.javaClass.simpleName

/**
 * Why a runtime's native library is not in the process, as a sentence.
 *
 * @param runtime its name for a person.
 * @param error what loading its classes ended with; the first time it says more than later.
 */
internal fun notLoaded(runtime: String, error: LinkageError): String {
    val reasons = generateSequence<Throwable>(error) { it.cause }.mapNotNull { it.message }
    // Android's linker: "program alignment (4096) cannot be smaller than system page size (16384)".
    return if (reasons.any { "page size" in it }) {
        "This phone has larger memory pages than the app's $runtime was linked for: it cannot be loaded here."
    } else {
        "This app was built without $runtime."
    }
}
