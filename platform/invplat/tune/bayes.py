"""Bayesian search: Optuna's TPE, asked for a whole pack of one shape at a time.

Optuna only answers "where next?". Its memory is made anew from the record, and its sampler is seeded for each pack, so
nothing of it need be kept. Sizes and other numbers to choose from are given to it in their order, not as mere names.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from math import isfinite, isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from invplat.core.space import Choice, Dimension, Integer, Params, Value
from invplat.tune.plan import StudyPlan
from invplat.tune.points import at, moved, spread
from invplat.tune.trial import Asked, Finished, State, shape_names, shape_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study

ROUNDS = 8  # of asking, at least: what is asked at once can't learn from each other
STARTUP = 8  # trials told before TPE has a say; until then points are spread evenly
BAD = 10.0  # times the worst seen: what a diverged trial counts as

Point = dict[str, Value]


class Bayes:
    learns = True

    def __init__(self, plan: StudyPlan, width: Callable[[Params], int], warm: Sequence[Params]) -> None:
        self.total = plan.trials or 0
        self._space, self._seed, self._width = plan.space, plan.seed, width
        self._cap = widest(self.total)
        self._metrics = plan.metrics
        self._codes = {name: _Code(dimension) for name, dimension in plan.space.dimensions.items()}
        self._shape = shape_names(plan.space)
        self._free = tuple(name for name in plan.space.dimensions if name not in self._shape)
        self._memory = _memory(len(plan.metrics))
        self._worst = [1.0] * len(plan.metrics)
        self._learnt = 0
        # So that no study ends below the defaults, or below what another study found.
        self._warm = moved(plan.space, warm or [plan.space.defaults])[: self.total]

    def choose(self, pack: int, first: int) -> list[Point]:
        sampler = self._sampler(pack) if self._learnt >= STARTUP else None
        chosen = self._given()
        if not chosen:
            chosen.append(self._spread(pack, first, {}) if sampler is None else self._sampled(sampler, {}))
        shape = dict(shape_of(self._space, chosen[0]))
        width = min(max(1, self._width(chosen[0])), self._cap, self.total - first)
        for number in range(first + len(chosen), first + width):
            chosen.append(self._spread(pack, number, shape) if sampler is None else self._sampled(sampler, shape))
        return chosen

    def remember(self, trials: Sequence[Asked]) -> None:
        for trial in trials:
            self._add(trial.params)
        self._warm = [point for point in self._warm if all(point != trial.params for trial in trials)]

    def learn(self, finished: Sequence[Finished]) -> None:
        from optuna.trial import TrialState

        for trial in finished:
            if trial.state is State.FAILED:  # the machine's doing: it says nothing of the params
                self._memory.tell(trial.number, state=TrialState.FAIL)
                continue
            known = [_finite(trial.values.get(metric)) for metric in self._metrics]
            self._worst = [max(worst, value or 0.0) for worst, value in zip(self._worst, known, strict=True)]
            # Never NaN, which Optuna would take for a trial that still runs.
            told = [BAD * worst if value is None else value for value, worst in zip(known, self._worst, strict=True)]
            self._memory.tell(trial.number, told)
            self._learnt += 1

    def _given(self) -> list[Point]:
        """The next of what is tried first: all of one shape, as far as they may be asked at once."""
        if not self._warm:
            return []
        shape = shape_of(self._space, self._warm[0])
        alike = [point for point in self._warm if shape_of(self._space, point) == shape]
        given = alike[: min(max(1, self._width(alike[0])), self._cap)]
        self._warm = [point for point in self._warm if point not in given]
        for point in given:
            self._add(point)
        return given

    def _spread(self, pack: int, number: int, shape: Params) -> Point:
        """Shapes spread over packs, the rest over trials."""
        shares = {**spread(self._shape, pack, self._seed), **spread(self._free, number, self._seed)}
        point = {name: at(dimension, shares[name]) for name, dimension in self._space.dimensions.items()}
        point.update(shape)
        self._add(point)
        return point

    def _sampled(self, sampler: BaseSampler, shape: Params) -> Point:
        """Where TPE would go next, among points of this shape if one is given."""
        from optuna.exceptions import ExperimentalWarning
        from optuna.samplers import PartialFixedSampler

        if shape:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                fixed = {name: self._codes[name].known(value) for name, value in shape.items()}
                sampler = PartialFixedSampler(fixed, sampler)
        self._memory.sampler = sampler
        trial = self._memory.ask({name: code.distribution for name, code in self._codes.items()})
        return {name: code.value(trial.params[name]) for name, code in self._codes.items()}

    def _sampler(self, pack: int) -> BaseSampler:
        from optuna.samplers import TPESampler

        seed = int(np.random.default_rng([self._seed, pack]).integers(2**31))
        return TPESampler(seed=seed, n_startup_trials=1, multivariate=True, constant_liar=True)

    def _add(self, point: Params) -> None:
        """To Optuna's memory, as a trial that runs; its number there is its number here."""
        from optuna.trial import TrialState, create_trial

        self._memory.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params={name: code.known(point[name]) for name, code in self._codes.items()},
                distributions={name: code.distribution for name, code in self._codes.items()},
            )
        )


def widest(trials: int) -> int:
    """The most trials to ask for at once: 4 of 64, 8 of 256, 16 of 1,024.

    Each pack tries one shape, and what is found hangs more on how many packs learnt from each other than on how many
    trials they hold; a pack twice as wide has to be well over twice as quick to be worth it.
    """
    return max(1, min(trials // ROUNDS, isqrt(trials) // 2))


class _Code:
    """A dimension as Optuna knows it."""

    def __init__(self, dimension: Dimension) -> None:
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        self.distribution: BaseDistribution
        self._options: list[Any] = []
        if isinstance(dimension, Choice):
            if isinstance(dimension.options[0], bool | str):
                self.distribution = CategoricalDistribution(dimension.options)
            else:
                self._options = sorted(set(dimension.options))
                self.distribution = IntDistribution(0, len(self._options) - 1)
        elif isinstance(dimension, Integer):
            highest = dimension.high - (dimension.high - dimension.low) % dimension.step
            self.distribution = IntDistribution(dimension.low, highest, log=dimension.log, step=dimension.step)
        else:
            self.distribution = FloatDistribution(dimension.low, dimension.high, log=dimension.log)

    def known(self, value: Value) -> Value:
        return self._options.index(value) if self._options else value

    def value(self, known: Any) -> Value:
        found: Value = self._options[known] if self._options else known
        return found


def _memory(objectives: int) -> Study:
    import optuna

    loud = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # a new study is nothing that a person here wants to hear of
    try:
        return optuna.create_study(directions=["minimize"] * objectives)
    finally:
        optuna.logging.set_verbosity(loud)


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
