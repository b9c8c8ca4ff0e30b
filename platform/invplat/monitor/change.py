"""When something changed, and how different two samples are. Pure functions of numbers."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

Doubles = npt.NDArray[np.float64]
BINS = 10
LEAST_SIDE = 2  # values on each side of a change


def changed_at(values: Doubles) -> int:
    """The place of the first value after the one step that explains most of the differences; NaN is not looked at."""
    there = np.flatnonzero(np.isfinite(values))
    known = values[there]
    if len(known) < 2 * LEAST_SIDE:
        return int(there[-1]) if len(there) else max(len(values) - 1, 0)
    known = known - known.mean()
    before = np.cumsum(known)[:-1]
    number = np.arange(1, len(known))
    gain = before**2 / number + before**2 / (len(known) - number)
    inside = slice(LEAST_SIDE - 1, len(gain) - LEAST_SIDE + 1)
    return int(there[LEAST_SIDE + int(np.argmax(gain[inside]))])


def edges_of(reference: Doubles, bins: int = BINS) -> Doubles:
    """Borders that part the reference into bins of about the same number; fewer where values repeat."""
    found: Doubles = np.unique(np.quantile(reference, np.arange(1, bins) / bins))
    return found


def counted(values: Doubles, edges: Doubles) -> Doubles:
    """How many lie in each bin; a value on a border belongs below it."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).astype(np.float64)


def psi_of_counts(reference: Doubles, recent: Doubles) -> float:
    """Population stability index: 0 for the same shape, above 0.25 a great change. An empty bin counts as half one."""
    one, other = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (reference, recent))
    return float(((other - one) * np.log(other / one)).sum())


def psi(reference: Doubles, recent: Doubles, bins: int = BINS) -> float:
    edges = edges_of(reference, bins)
    return psi_of_counts(counted(reference, edges), counted(recent, edges))


def ks(reference: Doubles, recent: Doubles) -> float:
    """Kolmogorov and Smirnov's: the largest distance between the two cumulative shares."""
    one, other = np.sort(reference), np.sort(recent)
    both = np.concatenate([one, other])
    shares = [np.searchsorted(each, both, side="right") / len(each) for each in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def ks_chance(distance: float, one: float, other: float) -> float:
    """That two samples of these sizes from one source are as far apart (Smirnov's limit, Stephens' correction)."""
    size = sqrt(one * other / (one + other))
    scaled = (size + 0.12 + 0.11 / size) * distance
    if scaled < 0.3:
        return 1.0
    terms = np.arange(1, 101)
    total = 2 * float((np.where(terms % 2, 1.0, -1.0) * np.exp(-2 * (terms * scaled) ** 2)).sum())
    return float(np.clip(total, 0.0, 1.0))


def coverage_band(share: float, number: float, sure: float = 0.998) -> tuple[float, float]:
    """Where the share of hits of a true promise lies, almost surely, by the binomial."""
    whole = max(round(number), 1)
    low, high = binom.interval(sure, whole, share)
    return float(low) / whole, float(high) / whole
