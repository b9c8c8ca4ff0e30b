"""What a side of a comparison says of itself when it is done."""

from __future__ import annotations


def peak_megabytes() -> float:
    """What this process itself held at most; ru_maxrss would count what its parent held when it was born."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
