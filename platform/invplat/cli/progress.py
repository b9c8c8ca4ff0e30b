"""How a long command says how far it is: a bar on a terminal, now and then a line elsewhere, or nothing.

Goes to stderr, so that a result on stdout can be piped. Knows nothing of what is being counted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

SOON = 2.0  # seconds


class Progress(Protocol):
    def advance(self, amount: float = 1) -> None:
        """So much more is done."""
        ...

    def at(self, done: float, total: float | None = None) -> None:
        """So much is done in all; a new total replaces the old one."""
        ...


class Silent:
    def advance(self, amount: float = 1) -> None:
        pass

    def at(self, done: float, total: float | None = None) -> None:
        pass


class Lines:
    """For logs: a line at each tenth, never more than one a second, one at the end; nothing of what is soon over."""

    def __init__(self, total: float | None, label: str) -> None:
        self.total, self.label, self.done = total, label, 0.0
        self._tenth = 0
        self._begun = self._said = time.monotonic()

    def advance(self, amount: float = 1) -> None:
        self.at(self.done + amount)

    def at(self, done: float, total: float | None = None) -> None:
        self.done, self.total = done, self.total if total is None else total
        tenth = int(10 * done / self.total) if self.total else self._tenth + 1
        now = time.monotonic()
        if tenth > self._tenth and now - self._said >= 1 and now - self._begun >= SOON:
            self._tenth, self._said = tenth, now
            self._say(f"{min(100, 100 * done / self.total):.0f} %" if self.total else f"{done:,.0f}")

    def finish(self) -> None:
        if time.monotonic() - self._begun >= SOON:
            self._say("100 %" if self.total else f"{self.done:,.0f}")

    def _say(self, how_far: str) -> None:
        print(f"{self.label} {how_far}", file=sys.stderr, flush=True)


@contextmanager
def lines(total: float | None, label: str) -> Iterator[Progress]:
    progress = Lines(total, label)
    yield progress
    progress.finish()  # only when nothing was raised: a log must not claim 100 %


@contextmanager
def bar(total: float | None, label: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %" if total else "{task.completed:,.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(label, total=total)

        class Bar:
            def advance(self, amount: float = 1) -> None:
                shown.advance(task, amount)

            def at(self, done: float, total: float | None = None) -> None:
                shown.update(task, completed=done, total=total)

        yield Bar()
