"""Where a bundle's graphs run: in this process, or on a phone's own libraries in a process beside it."""
