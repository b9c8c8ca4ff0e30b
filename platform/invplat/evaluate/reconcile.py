"""Forecasts that add up: what is said of a category is the sum of what is said of its products.

A hierarchy is a 0/1 matrix: a row a node (every product, and every group of them), a column a product. `bottom_up`
trusts the products, `top_down` the totals, `least_squares` moves every node as little as possible, and `projected`
weighs nodes by how well each has been forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from invplat.core.errors import DatasetError
from invplat.evaluate.answers import Doubles

TOTAL = "total"


@dataclass(frozen=True)
class Hierarchy:
    nodes: tuple[tuple[str, ...], ...]  # such as ("total",), ("category", "wine"), ("product", "42")
    sums: Doubles  # nodes × products; the products themselves are the last rows, in their order

    @classmethod
    def of(cls, products: Sequence[str], groups: dict[str, Sequence[str | None]]) -> Hierarchy:
        """`groups`: such as {"category": [of each product]}; a product may be in none (None)."""
        number = len(products)
        if not number or len(set(products)) < number:
            raise DatasetError(f"{number} products, some named twice or none", hint="name each product once")
        nodes: list[tuple[str, ...]] = [(TOTAL,)]
        rows = [np.ones(number)]
        for kind, labels in groups.items():
            if len(labels) != number:
                raise DatasetError(f"{kind} has {len(labels)} labels for {number} products", hint="one label a product")
            for label in sorted({label for label in labels if label is not None}):
                nodes.append((kind, label))
                rows.append(np.array([float(other == label) for other in labels]))
        nodes += [("product", name) for name in products]
        return cls(tuple(nodes), np.vstack([np.array(rows), np.eye(number)]))

    @property
    def products(self) -> int:
        return int(self.sums.shape[1])

    def coherent(self, forecasts: npt.ArrayLike, tolerance: float = 1e-6) -> bool:
        """Whether nodes × horizon add up."""
        said = self._nodes(forecasts)
        gap = np.abs(said - self.sums @ said[-self.products :])
        return bool((gap <= tolerance * (1 + np.abs(said))).all())

    def bottom_up(self, forecasts: npt.ArrayLike) -> Doubles:
        """Nodes × horizon, or only the products'; the answer is all nodes."""
        said = np.asarray(forecasts, np.float64)
        return self._whole(said[-self.products :] if len(said) == len(self.nodes) else self._products(said))

    def top_down(self, forecasts: npt.ArrayLike) -> Doubles:
        """The total is kept; each product gets its share of the products' own sum (equal shares of none)."""
        said = self._nodes(forecasts)
        products = np.maximum(said[-self.products :], 0)
        size = products.sum(axis=0)
        shares = np.where(size > 0, products / np.where(size > 0, size, 1), 1 / self.products)
        return self._whole(shares * said[0])

    def least_squares(self, forecasts: npt.ArrayLike) -> Doubles:
        """The nearest forecasts that add up (OLS); coherent ones come back as they were."""
        return self.projected(forecasts, np.ones(len(self.nodes)))

    def projected(self, forecasts: npt.ArrayLike, variances: npt.ArrayLike) -> Doubles:
        """Nearest in units of each node's own error: those with a small variance hardly move."""
        said = self._nodes(forecasts)
        spread = np.asarray(variances, np.float64)
        if spread.shape != (len(self.nodes),) or not (spread > 0).all():
            raise DatasetError(
                f"variances of shape {spread.shape} for {len(self.nodes)} nodes",
                hint="one a node, all above 0: the mean squared error each has made",
            )
        # Only the groups' rows bind: said[groups] = sums[groups] @ products. Their number is small, so this is the
        # small system that has to be solved, whatever the number of products.
        aggregates = self.sums[: -self.products]
        wide, narrow = spread[: -self.products], spread[-self.products :]
        gap = said[: -self.products] - aggregates @ said[-self.products :]
        scaled = aggregates * narrow
        moved = scaled.T @ np.linalg.lstsq(np.diag(wide) + scaled @ aggregates.T, gap, rcond=None)[0]
        return self._whole(said[-self.products :] + moved)

    def not_negative(self, forecasts: npt.ArrayLike) -> Doubles:
        """Coherent forecasts with no product below 0: those below are 0, and the sums follow."""
        return self._whole(np.maximum(self._nodes(forecasts)[-self.products :], 0))

    def _whole(self, products: Doubles) -> Doubles:
        found: Doubles = self.sums @ products
        return found

    def _nodes(self, forecasts: npt.ArrayLike) -> Doubles:
        said = np.asarray(forecasts, np.float64)
        if said.ndim != 2 or len(said) != len(self.nodes):
            raise DatasetError(
                f"forecasts of shape {said.shape} for {len(self.nodes)} nodes", hint="nodes × horizon, in their order"
            )
        return said

    def _products(self, said: Doubles) -> Doubles:
        if said.ndim != 2 or len(said) != self.products:
            raise DatasetError(
                f"forecasts of shape {said.shape} for {self.products} products", hint="products × horizon"
            )
        return said
