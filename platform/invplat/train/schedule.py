"""When a model learns, is chosen and is judged: the cutoffs of the three parts of a history, and what it has room for.

Parts follow time: no target of one lies in a later one. Each later part has several cutoffs, as one of them is chance.
Knows dates and periods only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from invplat.core.errors import DatasetError
from invplat.workload import Spec

USUAL = {"daily": (56, 28), "weekly": (52, 13), "monthly": (24, 6)}  # past and horizon
PERIOD = {"daily": "days", "weekly": "weeks", "monthly": "months"}
ORIGINS = 3  # cutoffs of validation, and of test
LEAST = 4  # periods: one to see, and one to say in each part


@dataclass(frozen=True)
class Schedule:
    """Cutoffs, oldest first."""

    train: tuple[date, ...]
    validation: tuple[date, ...] = ()
    test: tuple[date, ...] = ()

    @classmethod
    def of(
        cls,
        dates: Sequence[date],
        horizon: int,
        *,
        stride: int = 1,
        validations: int = ORIGINS,
        tests: int = ORIGINS,
        step: int | None = None,
    ) -> Schedule:
        """Over known periods, oldest first. Later parts have as many cutoffs, `step` periods apart, as leave the
        earlier half of the history to learn from, and one at least; 0 leaves a part out."""
        wanted = {name: number for name, number in (("validation", validations), ("test", tests)) if number}
        _enough(len(dates), horizon, len(wanted))
        apart = step or staggered(horizon)
        while (1 + len(wanted)) * horizon + sum(wanted.values()) * apart > len(dates) // 2 and max(
            wanted.values(), default=1
        ) > 1:
            wanted = {name: max(number - 1, 1) for name, number in wanted.items()}
        mark = len(dates) - 1 - horizon  # the last cutoff whose targets are known
        found: dict[str, tuple[date, ...]] = {}
        for name in ("test", "validation"):
            if name in wanted:
                first = max(mark - (wanted[name] - 1) * apart, 0)
                found[name] = tuple(dates[first : mark + 1 : apart][: wanted[name]])
                mark = first - horizon
        train = tuple(dates[mark::-stride][::-1])
        return cls(train, **found)

    @property
    def every(self) -> tuple[date, ...]:
        return (*self.train, *self.validation, *self.test)


def staggered(periods: int) -> int:
    """About a third of so many periods, and no whole number of weeks: cutoffs then meet every weekday."""
    step = max(periods // 3, 1)
    return step + 1 if step % 7 == 0 else step


def fitting(frequency: str, periods: int, past: int | None = None, horizon: int | None = None) -> tuple[Spec, str]:
    """The spec that a history of so many periods has room for, and what is to be said of it. What a person wrote is
    kept, or refused where it can't be had; the usual figures of the frequency are shortened."""
    unit, usual = PERIOD[frequency], USUAL[frequency]
    for name, value in (("past", past), ("horizon", horizon)):
        if value is not None and value < 1:
            raise DatasetError(f"{name} = {value}", hint="write 1 or more periods")
    if periods < LEAST:
        raise DatasetError(
            f"the history has {periods} {unit}; {LEAST} are the least to learn, choose and judge by",
            hint="bring more history; until then the seasonal naive or a mean is all that can be said",
        )
    ahead = min(usual[1], max(periods // 6, 1)) if horizon is None else horizon
    _enough(periods, ahead, 2)
    seen = min(usual[0], max(periods - 3 * ahead, 1)) if past is None else past
    if seen > periods:
        raise DatasetError(
            f"past = {seen} {unit}, the history has {periods}", hint=f"write past={periods // 2} or less"
        )
    said = (horizon or usual[1], past or usual[0])
    note = "" if (ahead, seen) == said else f"the history has {periods} {unit}: sees {seen}, answers for {ahead}"
    return replace(Spec(), past=seen, horizon=ahead), note


def _enough(periods: int, horizon: int, parts: int) -> None:
    """A period to see, and room for the horizon in the training part and each later one."""
    needed = 1 + (1 + parts) * horizon
    if periods >= needed:
        return
    most = (periods - 1) // (1 + parts)
    kept = "train, validation and test" if parts > 1 else "train and validation" if parts else "train"
    raise DatasetError(
        f"a horizon of {horizon} in a history of {periods} periods: {kept} need {needed}",
        hint=f"ask for a horizon of {most} or less" if most else "bring more history",
    )
