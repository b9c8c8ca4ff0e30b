"""What became of a study: its trials in order of merit, how the best was found and when. Knows no files or pictures.

Every metric is better the smaller it is. A trial that diverged or failed has no value and ranks behind all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from invplat.core.space import Params, Value
from invplat.evaluate.pictures.measures import Measure, measure_of
from invplat.tune.driver import trials_of
from invplat.tune.importance import Importance, importance
from invplat.tune.plan import StudyPlan
from invplat.tune.trial import Finished, State

MEASURES = {  # as `metrics` counts them
    "pinball": Measure("pinball loss", "share of demand"),
    "cost": Measure("cost of orders", "times hindsight's", short="cost"),
    "size": Measure("weights of the net", short="weights"),
}
NEAR = 0.01  # of the best: as good for most purposes


@dataclass(frozen=True)
class Step:
    """The study after one more trial."""

    trial: Finished
    value: float | None
    best: float | None  # of the trials so far
    minutes: float  # of work until then; pauses between two runs are no work


@dataclass(frozen=True)
class Study:
    plan: StudyPlan
    finished: tuple[Finished, ...]  # by number
    storage: str | None = None  # its URL, where a person named one for this study alone

    @classmethod
    def of(cls, plan: StudyPlan, finished: Sequence[Finished], storage: str | None = None) -> Study:
        return cls(plan, tuple(sorted(finished, key=lambda trial: trial.number)), storage)

    @property
    def metric(self) -> str:
        """The one that counts; others are looked at beside it."""
        return self.plan.metrics[0]

    @property
    def asked(self) -> int:
        """Trials that the study was to have."""
        return trials_of(self.plan)

    @property
    def complete(self) -> bool:
        return len(self.finished) >= self.asked

    @property
    def counts(self) -> dict[State, int]:
        return {state: sum(trial.state is state for trial in self.finished) for state in State}

    @property
    def varied(self) -> list[str]:
        """Params of which more than one value was tried, in the space's order."""
        return [name for name in self.plan.space.dimensions if len({trial.params[name] for trial in self.finished}) > 1]

    def value(self, trial: Finished, metric: str = "") -> float | None:
        return trial.values.get(metric or self.metric)

    @cached_property
    def ranked(self) -> tuple[Finished, ...]:
        """Those with a value, the best first; of equals the earlier."""
        known = [(value, trial.number, trial) for trial in self.finished if (value := self.value(trial)) is not None]
        return tuple(trial for _, _, trial in sorted(known, key=lambda one: one[:2]))

    @property
    def unranked(self) -> tuple[Finished, ...]:
        return tuple(trial for trial in self.finished if self.value(trial) is None)

    @property
    def best(self) -> Finished | None:
        return self.ranked[0] if self.ranked else None

    @cached_property
    def front(self) -> tuple[Finished, ...]:
        """Of several metrics: trials that no other beats in one without losing in another, by the first metric."""
        known = [trial for trial in self.ranked if all(self.value(trial, one) is not None for one in self.plan.metrics)]
        if len(self.plan.metrics) < 2 or not known:
            return ()
        values = np.array([[trial.values[metric] for metric in self.plan.metrics] for trial in known], np.float64)
        there = [
            not ((values <= mine).all(axis=1) & (values < mine).any(axis=1)).any()
            and not (values[:place] == mine).all(axis=1).any()
            for place, mine in enumerate(values)
        ]
        return tuple(trial for trial, best in zip(known, there, strict=True) if best)

    @property
    def default(self) -> Finished | None:
        """The trial of the space's default params, where there was one; of several seeds the first."""
        defaults = self.plan.space.defaults
        return next((trial for trial in self.finished if trial.params == defaults), None)

    @property
    def near(self) -> int:
        """Trials, the best one among them, that are as good as it within a hundredth."""
        best = self.best
        limit = self.value(best) if best else None
        if limit is None:
            return 0
        limit += NEAR * abs(limit)
        return sum(value <= limit for trial in self.ranked if (value := self.value(trial)) is not None)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """In order of number."""
        found, best = [], None
        for trial in self.finished:
            value = self.value(trial)
            best = value if best is None else best if value is None else min(best, value)
            found.append(Step(trial, value, best, self._worked(trial.finished_at) / 60))
        return tuple(found)

    @property
    def minutes(self) -> float:
        """Of work: while at least one pack ran."""
        return sum(end - start for start, end in self._busy) / 60

    @property
    def rate(self) -> float | None:
        """Trials a minute."""
        return len(self.finished) / self.minutes if self.minutes > 0 else None

    @property
    def hosts(self) -> dict[str, int]:
        """Trials by the machine that ran them."""
        return {
            host: sum(trial.where == host for trial in self.finished)
            for host in sorted({trial.where for trial in self.finished})
        }

    def importance(self, metric: str = "", *, best_half: bool = False) -> Importance:
        """`best_half`: among the better half alone, as what ruins a trial hides what refines it."""
        asked = (metric or self.metric, best_half)
        if asked not in self._importances:
            self._importances[asked] = self._importance(*asked)
        return self._importances[asked]

    def to_json(self) -> dict[str, Any]:
        """The leaderboard, and how it came about."""
        front = {trial.number for trial in self.front}
        found = self.importance()
        return {
            "study": self.plan.name,
            "workload": self.plan.workload,
            "search": self.plan.search,
            "metrics": list(self.plan.metrics),
            "trials_asked": self.asked,
            "trials": {state.value: count for state, count in self.counts.items()},
            "minutes": round(self.minutes, 3),
            "trials_per_minute": self.rate,
            "hosts": self.hosts,
            "best": self._row(self.best, 1) if self.best else None,
            "default": self._row(self.default, None) if self.default else None,
            "front": [trial.number for trial in self.front],
            "importance": {name: share.mean for name, share in found.shares.items()},
            "importance_note": found.note,
            "leaderboard": [
                self._row(trial, place) | ({"front": trial.number in front} if front else {})
                for place, trial in enumerate(self.ranked, 1)
            ]
            + [self._row(trial, None) for trial in self.unranked],
        }

    def _row(self, trial: Finished, place: int | None) -> dict[str, Any]:
        return {
            "place": place,
            "trial": trial.number,
            "state": trial.state.value,
            "why": trial.why,
            "values": dict(trial.values),
            "params": dict(trial.params),
            "seed": trial.seed,
            "best_epoch": trial.best,
            "epochs": len(trial.validation),
            "seconds": trial.seconds,
        }

    @cached_property
    def _importances(self) -> dict[tuple[str, bool], Importance]:
        return {}

    def _importance(self, metric: str, best_half: bool) -> Importance:
        told = [trial for trial in self.finished if trial.state is not State.FAILED]
        if metric not in (
            "",
            self.metric,
        ):  # such as the size of a net, which is none the worse for a loss that ran away
            told = [trial for trial in told if self.value(trial, metric) is not None]
        if best_half:
            known = [(value, trial.number) for trial in told if (value := self.value(trial, metric)) is not None]
            kept = {number for _, number in sorted(known)[: (len(told) + 1) // 2]}
            told = [trial for trial in told if trial.number in kept]
        return importance(
            self.plan.space, [trial.params for trial in told], [self.value(trial, metric) for trial in told]
        )

    @cached_property
    def _busy(self) -> list[tuple[float, float]]:
        """Stretches of time in which packs ran, apart and in order."""
        packs: dict[int, list[Finished]] = {}
        for trial in self.finished:
            packs.setdefault(trial.pack, []).append(trial)
        ends = [(max(one.finished_at for one in pack), sum(one.seconds for one in pack)) for pack in packs.values()]
        found: list[tuple[float, float]] = []
        for start, end in sorted((end - seconds, end) for end, seconds in ends):
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(found[-1][1], end))
            else:
                found.append((start, end))
        return found

    def _worked(self, moment: float) -> float:
        """Seconds of work until then."""
        return sum(min(moment, end) - start for start, end in self._busy if start < moment)


def measure(metric: str) -> Measure:
    return MEASURES.get(metric) or measure_of(metric)


def figure_text(value: float | None) -> str:
    """Four digits: neighbours on a leaderboard differ in the third or fourth."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.4g}"


def param_text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3g}".replace("e-0", "e-")
    return str(value)


def params_text(params: Params) -> str:
    return ", ".join(f"{name} {param_text(value)}" for name, value in params.items())
