"""Names as small integers: every store, SKU and text of one ingest, each kept once.

Codes are handed out in order of appearance; -1 means empty. Knows nothing of what a name means.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]


class Vocabulary:
    def __init__(self) -> None:
        self.names: list[str] = []
        self._index: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.names)

    def codes(self, names: Iterable[str | None]) -> Codes:
        index, known = self._index, self.names
        found = []
        for name in names:
            if name is None:
                found.append(-1)
                continue
            code = index.get(name)
            if code is None:
                code = index[name] = len(known)
                known.append(name)
            found.append(code)
        return np.array(found, np.int32)

    def ranks(self, present: Codes) -> tuple[Codes, Codes]:
        """For the codes present: rank by name for every code (empty first), and the codes in rank order."""
        size = len(self.names) + 1
        seen = np.zeros(size, bool)
        seen[present] = True  # -1 marks the last slot: empty
        there = np.flatnonzero(seen[:-1]).tolist()
        there.sort(key=self.names.__getitem__)
        order = ([-1] if seen[-1] else []) + there
        ranks = np.zeros(size, np.int32)
        ranks[order] = np.arange(len(order), dtype=np.int32)
        return ranks, np.array(order, np.int32)

    def texts(self, codes: Codes) -> list[str | None]:
        names = self.names
        return [names[code] if code >= 0 else None for code in codes.tolist()]
