"""Settings chosen on windows before the judged one: those that ended by the time that it starts.

Each window has its own models, learnt from what was known at its start. Nothing of a window reaches its own choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

import numpy as np

from weekly.demand import Outlook, outlook
from weekly.record import Record
from weekly.replay import LAST, Played, Rule, play

REHEARSALS = (61, 69, 77)  # windows that nobody is judged on, so that the first judged one can choose as well
Kind = TypeVar("Kind")


def looks(record: Record) -> Callable[[int], Outlook]:
    """Outlooks of the record as it stood after so many weeks, each made once."""

    @cache
    def look(week: int) -> Outlook:
        return outlook(record.until(week))

    return look


@dataclass(frozen=True)
class Contest(Generic[Kind]):
    """One kind of rule under several settings; `played(start, setting)` is a game that knew the record until start."""

    played: Callable[[int, Kind], Played]
    settings: Sequence[Kind]

    def chosen(self, start: int, starts: Sequence[int]) -> Kind:
        """The setting that cost least over the windows that were over at `start`."""
        before = [one for one in starts if one + LAST <= start]
        costs = [sum(self.played(one, setting).cost for one in before) for setting in self.settings]
        return self.settings[int(np.argmin(costs))]

    def judged(self, starts: Sequence[int], rehearsals: Sequence[int] = REHEARSALS) -> list[tuple[Kind, Played]]:
        settings = [self.chosen(start, (*rehearsals, *starts)) for start in starts]
        return [(setting, self.played(start, setting)) for start, setting in zip(starts, settings, strict=True)]


def games(record: Record, make: Callable[[int, Kind], Rule], *, till: bool) -> Callable[[int, Kind], Played]:
    """Each played once, however many contests ask for it; `make(start, setting)` is a rule."""
    known: dict[tuple[int, Kind], Played] = {}

    def played(start: int, setting: Kind) -> Played:
        if (start, setting) not in known:
            known[start, setting] = play(record, start, make(start, setting), till=till)
        return known[start, setting]

    return played
