"""Linear models of many rows by their normal equations: rows are read once, and every setting solves from there.

What is left is a system as large as there are columns, whatever the number of rows. Knows nothing of how numbers are
scaled, nor of how a setting is chosen.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from invplat.evaluate.answers import Doubles
from invplat.evaluate.one_hot import OneHot

ROWS_A_COLUMN = 16  # with fewer rows than that a column, going through them again and again costs less
COLUMNS = 8_000  # whose products fit into half a gigabyte
NOTHING = 1e-10  # of the largest square: added where columns repeat each other, so that the answer is the smallest one


@dataclass(frozen=True)
class Line:
    slopes: Doubles  # of the numbers, then of the names
    start: float

    def predict(self, table: OneHot) -> Doubles:
        numbers = table.numbers.shape[1]
        found: Doubles = table.numbers @ self.slopes[:numbers] + table.names @ self.slopes[numbers:] + self.start
        return found


@dataclass(frozen=True)
class Squares:
    """Sums over all rows, about their means, as if rows counted once on average."""

    rows: int
    weight: float  # of a row on average
    products: Doubles  # columns × columns
    answers: Doubles  # of columns with the target
    target: float  # of the target with itself
    means: Doubles
    mean: float  # of the target

    @staticmethod
    def pay(table: OneHot) -> bool:
        """Whether this is quicker than going through the rows for each setting."""
        return table.columns <= COLUMNS and len(table) >= ROWS_A_COLUMN * table.columns

    @classmethod
    def of(cls, table: OneHot, target: Doubles, weights: Doubles | None = None) -> Squares:
        rows = len(table)
        weight = 1.0 if weights is None else float(weights.mean())
        weights = np.ones(rows) if weights is None else weights / weight
        numbers, names = table.numbers * weights[:, None], table.names
        across = names.T @ numbers
        weighted = names.multiply(weights[:, None]).tocsr()
        products = np.block([[table.numbers.T @ numbers, across.T], [across, (names.T @ weighted).toarray()]])
        means = np.concatenate([numbers.sum(axis=0), names.T @ weights]) / rows
        mean = float(weights @ target) / rows
        answers = np.concatenate([numbers.T @ target, names.T @ (weights * target)]) - rows * mean * means
        products = np.ascontiguousarray(products - np.outer(rows * means, means))
        return cls(rows, weight, products, answers, float(weights @ (target - mean) ** 2), means, mean)

    def lines(self, name: str, grid: Sequence[Mapping[str, Any]]) -> list[Line]:
        """A line for each of these settings of linear, ridge, lasso or elastic net, as scikit-learn names them."""
        if name in ("linear", "ridge"):
            return [self._line(self._solved(float(settings.get("alpha", 0)) / self.weight)) for settings in grid]
        found: dict[tuple[float, float], Line] = {}
        wanted = [(float(settings.get("l1_ratio", 1)), float(settings["alpha"])) for settings in grid]
        for ratio in {ratio for ratio, _ in wanted}:
            alphas = sorted({alpha for other, alpha in wanted if other == ratio}, reverse=True)
            found |= {(ratio, alpha): line for alpha, line in zip(alphas, self._path(ratio, alphas), strict=True)}
        return [found[each] for each in wanted]

    def _line(self, slopes: Doubles) -> Line:
        return Line(slopes, self.mean - float(self.means @ slopes))

    def _solved(self, alpha: float) -> Doubles:
        from scipy.linalg import cho_solve

        found: Doubles = cho_solve((self._factor(alpha), False), self.answers)
        return found

    def _factor(self, alpha: float) -> Doubles:
        from scipy.linalg import cholesky

        whole = self.products.copy()
        smallest = NOTHING * float(np.diag(whole).max(initial=0)) or 1.0
        np.fill_diagonal(whole, np.diag(whole) + max(alpha, smallest))
        found: Doubles = cholesky(whole, overwrite_a=True, check_finite=False)
        return found

    def _path(self, ratio: float, alphas: Sequence[float]) -> list[Line]:
        """Falling alphas: each starts where the one before ended."""
        from scipy.linalg import solve_triangular
        from sklearn.linear_model import enet_path

        # As many rows as columns, and one more, whose sums are those of all the rows.
        factor = self._factor(0)
        image = solve_triangular(factor, self.answers, trans=1)
        stand_in = np.vstack([factor, np.zeros(len(factor))])
        target = np.append(image, np.sqrt(max(self.target - float(image @ image), 0.0)))
        with warnings.catch_warnings():
            # A small alpha may not converge to the last digit; its validation loss says whether it was worth it.
            warnings.filterwarnings("ignore", message="Objective did not converge")
            _, slopes, _ = enet_path(
                np.asfortranarray(stand_in),
                target,
                l1_ratio=ratio,
                alphas=np.array(alphas) * self.rows / len(target),
                precompute=self.products,
                Xy=self.answers,
                check_input=False,
            )
        return [self._line(slopes[:, place]) for place in range(len(alphas))]
