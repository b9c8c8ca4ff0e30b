"""Refusals of figures that no formula, rule or simulation can mean anything with: what came in, what to write.

Knows nothing of formulas; only of numbers and arrays, NumPy's and torch's alike.
"""

from __future__ import annotations

from typing import Any

from invplat.core.errors import FigureRefused


def at_least(lowest: float, **figures: Any) -> None:
    """Every figure, or every entry of it, is a number not below `lowest`."""
    for name, figure in figures.items():
        _hold(name, figure, (figure >= lowest) & (figure < float("inf")), f"{lowest:g} or more")


def above(lowest: float, **figures: Any) -> None:
    for name, figure in figures.items():
        _hold(name, figure, (figure > lowest) & (figure < float("inf")), f"more than {lowest:g}")


def share(**figures: Any) -> None:
    """Strictly between 0 and 1: a service level of 0 or 1 asks for no stock or an infinite one."""
    for name, figure in figures.items():
        _hold(name, figure, (figure > 0) & (figure < 1), "between 0 and 1, both left out")


def whole(lowest: int, **figures: Any) -> None:
    for name, figure in figures.items():
        _hold(name, figure, (figure >= lowest) & (figure % 1 == 0), f"a whole number, {lowest} or more")


def _hold(name: str, figure: Any, holds: Any, wanted: str) -> None:
    if holds is True or (holds is not False and bool(holds.all())):
        return
    single = isinstance(figure, int | float) or figure.ndim == 0
    shown = figure if single else figure[~holds].reshape(-1)[0]
    where = "" if single else f" in one of its {int((~holds).sum())} refused entries"
    raise FigureRefused(f"{name} is {float(shown):g}{where}", hint=f"give {name} as {wanted}")
