"""k nearest neighbours for several k at once: looked for once, as many as the largest k wants.

Rows are numbers beside one-hot names. Numbers go through one dense product a block of rows; names, which few rows
share, through a sparse one. Knows nothing of how numbers are scaled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from invplat.evaluate.answers import Doubles, Ints
from invplat.evaluate.one_hot import OneHot

AT_ONCE = 4_000_000  # distances
TIE = 1e-7  # by so much at most the last row is said to be further than the first: of equals the first are taken


class Neighbours:
    """`most`: how many of each row are found."""

    def __init__(self, rows: OneHot, target: Doubles, most: int) -> None:
        self.rows, self.target, self.most = rows, target, min(most, len(rows))
        self.across = np.ascontiguousarray(-2 * rows.numbers.T)
        self.names = rows.names.T.tocsr()
        self.squares = (rows.numbers**2).sum(axis=1) + np.asarray(rows.names.sum(axis=1)).ravel()
        self.squares += np.linspace(0, TIE, len(rows))
        self.found: tuple[OneHot, Ints] | None = None

    def nearest(self, asked: OneHot) -> Ints:
        """Rows × most, the nearest first; the last answer is kept, since every k wants the same."""
        if self.found is None or self.found[0] is not asked:
            step = max(AT_ONCE // len(self.rows), 1)
            parts = [self._nearest(asked, slice(start, start + step)) for start in range(0, len(asked), step)]
            self.found = asked, np.concatenate(parts)
        return self.found[1]

    def _nearest(self, asked: OneHot, block: slice) -> Ints:
        far = asked.numbers[block] @ self.across
        far += self.squares
        shared = asked.names[block] @ self.names
        mine = np.repeat(np.arange(len(far)), np.diff(shared.indptr))
        far[mine, shared.indices] -= 2 * shared.data
        few = np.argpartition(far, self.most - 1, axis=1)[:, : self.most]
        order = np.argsort(np.take_along_axis(far, few, axis=1), axis=1, kind="stable")
        found: Ints = np.take_along_axis(few, order, axis=1)
        return found


@dataclass(frozen=True)
class Nearest:
    """The model of one k: the mean of so many neighbours."""

    neighbours: Neighbours
    count: int

    def predict(self, asked: OneHot) -> Doubles:
        found: Doubles = self.neighbours.target[self.neighbours.nearest(asked)[:, : self.count]].mean(axis=1)
        return found
