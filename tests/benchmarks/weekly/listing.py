"""How likely a series is to be in stock in weeks to come, counted from how such series fared before.

A series is told by how long it has been out, or how long it is back. What was out for long often stays out.
"""

from __future__ import annotations

import numpy as np

from weekly.record import Flags, Floats, Integers

LONGEST = 26  # weeks looked back
OUT_FOR, BACK_FOR = (2, 5, 13), (5, 13, 26)  # where one kind ends and the next begins
KINDS = len(OUT_FOR) + 1 + len(BACK_FOR) + 1
LEARNT, LEANING, USUAL = 52, 5.0, 0.9  # weeks counted; pseudo-counts; their share


def kinds(seen: Flags) -> Integers:
    """Of each series (series × weeks)."""
    latest = seen[:, ::-1][:, :LONGEST]
    out = np.where(latest.any(1), latest.argmax(1), latest.shape[1])
    back = np.where((~latest).any(1), (~latest).argmax(1), LONGEST)
    return np.asarray(np.where(out > 0, np.digitize(out, OUT_FOR), len(OUT_FOR) + 1 + np.digitize(back, BACK_FOR)))


def chances(seen: Flags, horizon: int) -> Floats:
    """Kinds × horizon: to be in stock in 1, 2, … weeks."""
    known = seen.shape[1]
    counted, number = np.zeros((KINDS, horizon)), np.zeros((KINDS, horizon))
    for week in range(max(BACK_FOR[1], known - LEARNT), known):
        kind = kinds(seen[:, :week])
        for ahead in range(min(horizon, known - week)):
            counted[:, ahead] += np.bincount(kind, seen[:, week + ahead], KINDS)
            number[:, ahead] += np.bincount(kind, minlength=KINDS)
    return np.asarray((counted + USUAL * LEANING) / (number + LEANING))
