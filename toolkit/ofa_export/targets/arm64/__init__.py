"""An arm64 Linux in a folder, on which this computer runs the arm64 build of a host runtime, processor by processor."""
