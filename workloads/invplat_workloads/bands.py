"""Numbers that belong to a name, as groups of names: what an item costs or holds, cut into bands.

Only numbers that a name always has: a store may sell much of whatever is large, or cheap. What changes under a name, as
past sales do, says something of a row and is left to the net.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]

FEW = 64  # values that are each a band of their own
MANY = 32  # bands of a number with more


@dataclass(frozen=True)
class Bands:
    edges: Mapping[str, Floats]  # of each number: where its next band begins

    @classmethod
    def fit(cls, numbers: Mapping[str, Floats], ids: Mapping[str, Ints]) -> Bands:
        found = {}
        for number, values in numbers.items():
            different = np.unique(values[np.isfinite(values)])
            if len(different) > 1 and any(_belongs(values, codes) for codes in ids.values()):
                shares = np.linspace(0, 1, MANY + 1)[1:-1]
                known = values[np.isfinite(values)]
                found[number] = different if len(different) <= FEW else np.unique(np.quantile(known, shares))
        return cls(found)

    def codes(self, numbers: Mapping[str, Floats]) -> dict[str, Ints]:
        """From 1; 0 where the number is unknown."""
        found = {}
        for number, edges in self.edges.items():
            values = numbers[number]
            band = np.searchsorted(edges, values, side="right").astype(np.int64) + 1
            found[f"{number}_band"] = np.where(np.isfinite(values), band, 0)
        return found


def _belongs(values: Floats, codes: Ints) -> bool:
    """Whether each name has one value, and names come more than once."""
    _, first, where = np.unique(codes, return_index=True, return_inverse=True)
    return len(first) * 2 <= len(codes) and bool(np.array_equal(values, values[first][where], equal_nan=True))
