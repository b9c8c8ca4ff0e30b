"""Reconciled forecasts add up, whatever was said; those that did already are left as they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.core.errors import DatasetError
from invplat.evaluate.reconcile import Hierarchy

WAYS: dict[str, Callable[[Hierarchy, np.ndarray], np.ndarray]] = {
    "bottom_up": Hierarchy.bottom_up,
    "top_down": Hierarchy.top_down,
    "least_squares": Hierarchy.least_squares,
    "projected": lambda tree, said: tree.projected(said, np.arange(1, len(said) + 1)),
    "not_negative": Hierarchy.not_negative,
}


@st.composite
def trees(draw: st.DrawFn) -> Hierarchy:
    number = draw(st.integers(1, 12))
    label = st.sampled_from(["a", "b", "c", None])
    kinds = draw(st.lists(st.sampled_from(["category", "brand", "supplier"]), unique=True, max_size=2))
    groups = {kind: draw(st.lists(label, min_size=number, max_size=number)) for kind in kinds}
    return Hierarchy.of([f"p{i}" for i in range(number)], groups)


@pytest.mark.parametrize("way", WAYS)
@given(tree=trees(), seed=st.integers(0, 10**6), horizon=st.integers(1, 4))
def test_whatever_was_said_adds_up(way: str, tree: Hierarchy, seed: int, horizon: int) -> None:
    random = np.random.default_rng(seed)
    said = random.gamma(1, 100, (len(tree.nodes), horizon)) * (random.random((len(tree.nodes), horizon)) > 0.2)
    found = WAYS[way](tree, said)
    assert found.shape == said.shape
    assert tree.coherent(found)
    for row, (kind, *label) in enumerate(tree.nodes):  # counted apart from the matrix that made them
        members = [tree.nodes[-tree.products + i] for i in np.flatnonzero(tree.sums[row])]
        rows = [tree.nodes.index(member) for member in members]
        np.testing.assert_allclose(found[row], found[rows].sum(axis=0), rtol=1e-6, atol=1e-6)
        assert kind != "product" or members == [(kind, *label)]


@pytest.mark.parametrize("way", WAYS)
@given(tree=trees(), seed=st.integers(0, 10**6))
def test_what_adds_up_is_left_as_it_is(way: str, tree: Hierarchy, seed: int) -> None:
    products = np.random.default_rng(seed).gamma(1, 100, (tree.products, 3))
    said = tree.bottom_up(products)
    assert tree.coherent(said)
    np.testing.assert_allclose(WAYS[way](tree, said), said, rtol=1e-6, atol=1e-6)


@given(tree=trees(), seed=st.integers(0, 10**6))
def test_least_squares_is_the_nearest(tree: Hierarchy, seed: int) -> None:
    said = np.random.default_rng(seed).normal(50, 30, (len(tree.nodes), 1))
    products = np.linalg.lstsq(tree.sums, said, rcond=None)[0]
    np.testing.assert_allclose(tree.least_squares(said), tree.sums @ products, rtol=1e-6, atol=1e-6)


def test_trusted_nodes_hardly_move() -> None:
    tree = Hierarchy.of(["x", "y"], {})
    found = tree.projected([[100.0], [30.0], [30.0]], [1e-9, 1.0, 3.0])
    np.testing.assert_allclose(found[:, 0], [100, 40, 60], rtol=1e-6)
    np.testing.assert_allclose(tree.top_down([[100.0], [30.0], [10.0]])[:, 0], [100, 75, 25])


def test_mistakes_are_explained() -> None:
    tree = Hierarchy.of(["x", "y"], {"category": ["a", None]})
    assert tree.nodes == (("total",), ("category", "a"), ("product", "x"), ("product", "y"))
    assert not tree.coherent([[5.0], [1.0], [1.0], [1.0]])
    with pytest.raises(DatasetError, match="3 labels for 2 products"):
        Hierarchy.of(["x", "y"], {"category": ["a", "b", "c"]})
    with pytest.raises(DatasetError, match="named twice"):
        Hierarchy.of(["x", "x"], {})
    with pytest.raises(DatasetError, match="4 nodes"):
        tree.least_squares(np.zeros((3, 1)))
    with pytest.raises(DatasetError, match="products"):
        tree.bottom_up(np.zeros((3, 1)))
    with pytest.raises(DatasetError, match="above 0"):
        tree.projected(np.zeros((4, 1)), [0, 1, 1, 1])
