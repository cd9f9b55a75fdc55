import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What this process has in memory. */
final class Memory {
    private static final String PEAK = "VmHWM:";

    private Memory() {}

    /** The most that has been resident so far; peak_memory.py has the same. */
    static long peakBytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith(PEAK)) {
                return 1024 * Long.parseLong(line.replaceAll("\\D", ""));
            }
        }
        throw new IOException("/proc/self/status does not tell the peak of the memory.");
    }
}
