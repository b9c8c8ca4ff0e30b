"""A table as numbers beside one-hot names, kept apart: names are nearly all nothing, numbers nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from invplat.evaluate.answers import Doubles, Ints


@dataclass(frozen=True)
class OneHot:
    numbers: Doubles
    names: Any  # a sparse array

    @classmethod
    def of(cls, numbers: Doubles, codes: Ints, sizes: Sequence[int]) -> OneHot:
        """Codes outside 1 to size - 1 are names that nobody knows: no column is theirs."""
        from scipy import sparse

        parts = [sparse.csr_array((len(codes), 0))]
        for column, size in zip(codes.T, sizes, strict=True):
            seen = np.flatnonzero((column > 0) & (column < size))
            parts.append(sparse.csr_array((np.ones(len(seen)), (seen, column[seen])), shape=(len(codes), size)))
        return cls(numbers, sparse.hstack(parts, format="csr"))

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def columns(self) -> int:
        return int(self.numbers.shape[1] + self.names.shape[1])

    @property
    def whole(self) -> Any:
        """One sparse array, the numbers first."""
        from scipy import sparse

        found = sparse.hstack([sparse.csr_array(self.numbers), self.names], format="csr")
        # scikit-learn's coordinate descent takes no wider indices.
        found.indices, found.indptr = found.indices.astype(np.int32), found.indptr.astype(np.int32)
        return found
