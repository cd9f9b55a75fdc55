package ofa.core

import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.channels.FileChannel

/** Map a file for reading; its pages are loaded when they are looked at. */
internal fun mapped(file: File): ByteBuffer =
    try {
        RandomAccessFile(file, "r").use { open ->
            val bytes = open.length()
            demand(bytes > 0, RejectionCode.EMPTY) { "${file.name} is empty." }
            demand(bytes <= Int.MAX_VALUE, RejectionCode.TOO_LARGE) {
                "it has ${grouped(bytes)} bytes; ${grouped(Int.MAX_VALUE)} can be mapped."
            }
            open.channel.map(FileChannel.MapMode.READ_ONLY, 0, bytes)
        }
    } catch (error: IOException) {
        refuse(RejectionCode.UNREADABLE, "${file.name} cannot be read: ${error.message}.")
    }
