"""What numbers counted in units say of demand, by straight lines: first of its logarithm, then of itself.

The first line makes small rows right, the second the large ones, where most units are. Learnt on training rows by least
squares, in one pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DRAWN = 10.0  # rows that the pull towards no slope counts for
SMALLEST = 0.5  # of demand, so that nothing has a logarithm
LEAST = 0.2  # of what the logarithms say: as little may the second line make of it


@dataclass(frozen=True)
class Line:
    centre: Doubles
    spread: Doubles
    slopes: Doubles
    start: float

    @classmethod
    def fit(cls, columns: Doubles, target: Doubles) -> Line:
        centre, spread = columns.mean(axis=0), columns.std(axis=0) + 1e-9
        scaled = (columns - centre) / spread
        start = float(target.mean())
        products = scaled.T @ scaled + DRAWN * np.eye(scaled.shape[1])
        return cls(centre, spread, np.linalg.solve(products, scaled.T @ (target - start)), start)

    def of(self, columns: Doubles) -> Doubles:
        found: Doubles = ((columns - self.centre) / self.spread) @ self.slopes + self.start
        return found


@dataclass(frozen=True)
class Straight:
    logarithm: Line
    smear: float  # demand's mean beside that of what the logarithms say
    demand: Line
    most: float  # no row of the training part had more

    @classmethod
    def fit(cls, ratios: Doubles, units: Doubles, target: Doubles, use: Bools) -> Straight:
        """`ratios`: columns for demand's logarithm; `units`: those counted as demand is. `use`: rows that are
        examples."""
        ratios, units, target = ratios[use], units[use], np.maximum(target[use].astype(np.float64), 0.0)
        logarithm = Line.fit(ratios, np.log(np.maximum(target, SMALLEST)))
        most = float(target.max(initial=1.0))
        said = np.exp(np.minimum(logarithm.of(ratios), np.log(most)))
        smear = float(target.mean() / said.mean()) or 1.0
        demand = Line.fit(np.column_stack([said * smear, units]), target)
        return cls(logarithm, smear, demand, most)

    def level(self, ratios: Doubles, units: Doubles) -> Doubles:
        said = np.exp(np.minimum(self.logarithm.of(ratios), np.log(self.most))) * self.smear
        demand = self.demand.of(np.column_stack([said, units]))
        return np.maximum(np.maximum(demand, LEAST * said), 1e-3)
