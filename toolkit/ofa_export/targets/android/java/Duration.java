import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/** How long a call took: by the clock, and what the processor spent on this thread, which is the only one. */
final class Duration {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    final long clockNanos;
    final long processorNanos;

    private Duration(long clockNanos, long processorNanos) {
        this.clockNanos = clockNanos;
        this.processorNanos = processorNanos;
    }

    static Duration of(GraphServer.Call call) throws Exception {
        long spent = THREADS.getCurrentThreadCpuTime();
        long start = System.nanoTime();
        call.run();
        long end = System.nanoTime();
        return new Duration(end - start, THREADS.getCurrentThreadCpuTime() - spent);
    }
}
