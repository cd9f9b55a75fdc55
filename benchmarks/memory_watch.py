"""The start of a script that watches its own memory: what the system cannot take back (RssAnon), in MB."""

from __future__ import annotations

WATCH = """
import json, sys, threading, time
from pathlib import Path

def status(name):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024

peak = 0.0
def watch():
    global peak
    while True:
        peak = max(peak, status("RssAnon"))
        time.sleep(0.01)

"""
"""`peak` grows once a thread runs `watch`; `status("VmHWM")` is the peak of everything, mapped files included."""
