"""Forecasts of some series of one business, as everything behind the API passes them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Said:
    """In units of the business, per period; a row a series."""

    rows: npt.NDArray[np.int64]  # of the business's series, in the order in which its book has them
    names: Sequence[tuple[str, str]]  # store and SKU of each
    as_of: date
    dates: tuple[date, ...]  # first day of each period answered for
    levels: tuple[float, ...]
    mean: Floats  # n × horizon
    quantiles: Floats  # n × horizon × levels
    model: dict[str, Any]  # as schemas.ModelNamed
    dataset: int

    def __len__(self) -> int:
        return len(self.rows)

    def placed(self, rows: npt.NDArray[np.int64]) -> Said:
        """The same, of other rows."""
        return replace(self, rows=rows)
