"""One pack from beginning to end: its trials are trained as one program and judged, each for itself.

Pure torch, in whatever process: a worker of Ray's or this one. What the scheduler needs travels in the pack.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import torch

from invplat.core.errors import UserError
from invplat.train.fused import fit_pack, members_of
from invplat.train.loop import Ended, Epoch, Fitted
from invplat.train.plan import Plan
from invplat.tune.halving import Halving
from invplat.tune.metrics import Judge
from invplat.tune.plan import StudyPlan
from invplat.tune.task import Task
from invplat.tune.trial import Asked, Finished, Pack, State

STATES = {
    Ended.EPOCHS: State.DONE,
    Ended.PATIENCE: State.DONE,
    Ended.STOPPED: State.STOPPED,
    Ended.DIVERGED: State.DIVERGED,
}
Told = Callable[[int, Mapping[int, float]], None]
"""Is told an epoch and the loss of each trial, by number, that is still learning."""


@dataclass(frozen=True)
class Runner:
    """What is the same for all packs of a study; made once a process."""

    task: Task
    plan: StudyPlan
    judge: Judge
    halving: Halving
    device: str = "cpu"

    @classmethod
    def of(cls, task: Task, plan: StudyPlan, device: str = "cpu") -> Runner:
        if device == "cpu":
            torch.set_num_threads(1)  # a pack a core: a second thread would take another pack's
        return cls(task, plan, Judge.of(task, plan.metrics, device), Halving(plan.scheduler, plan.epochs), device)

    def __call__(self, pack: Pack, told: Told | None = None) -> list[Finished]:
        began = time.monotonic()
        try:
            found = self._trained(pack, told)
        except (UserError, RuntimeError) as error:
            # One net that can't be built or held must not take the others with it.
            if len(pack.trials) > 1:
                return [each for trial in pack.trials for each in self(Pack(pack.number, (trial,), pack.rungs), told)]
            return [self._finished(pack, pack.trials[0], str(error), time.monotonic() - began)]
        values = [self.judge(fitted.module) if fitted.best else {} for fitted in found]
        seconds = (time.monotonic() - began) / len(found)
        rows = zip(pack.trials, found, values, strict=True)
        return [self._finished(pack, trial, fitted, seconds, said) for trial, fitted, said in rows]

    def _trained(self, pack: Pack, told: Told | None) -> list[Fitted]:
        task, plan = self.task, self.plan
        common = Plan(epochs=plan.epochs, patience=plan.patience, seed=plan.seed, mixed=self.device.startswith("cuda"))
        params = [task.workload.space.complete(trial.params) for trial in pack.trials]
        members = members_of(params, [trial.seed for trial in pack.trials], common)

        # The defaults are what all others are held against, so they are never cut short.
        spared = {place for place, chosen in enumerate(params) if chosen == task.workload.space.defaults}

        def keep(number: int, epochs: Mapping[int, Epoch]) -> Collection[int]:
            losses = {member: _loss(epoch) for member, epoch in epochs.items()}
            if told is not None:
                told(number, {pack.trials[member].number: loss for member, loss in losses.items()})
            return self.halving.stay(number, losses, pack.rungs) | (spared & set(losses))

        return fit_pack(task.workload, members, task.layout, task.train, task.validation, device=self.device, keep=keep)

    def _finished(
        self,
        pack: Pack,
        trial: Asked,
        fitted: Fitted | str,
        seconds: float,
        values: Mapping[str, float] | None = None,
    ) -> Finished:
        """`fitted`: or in words why it could not be trained."""
        if isinstance(fitted, str):
            state, why, loss, best = State.FAILED, fitted, None, 0
            history: tuple[Epoch, ...] = ()
        else:
            state, why = STATES[fitted.ended], fitted.trouble or _why(fitted)
            loss, best, history = fitted.loss, fitted.best, fitted.history
        # What a trial said before it ran away is not what its params are worth.
        counts = state in (State.DONE, State.STOPPED) and values
        return Finished(
            number=trial.number,
            pack=pack.number,
            params=dict(trial.params),
            seed=trial.seed,
            state=state,
            why=why,
            values={name: values[name] if values and counts else None for name in self.plan.metrics},
            loss=loss,
            best=best,
            train=tuple(epoch.train for epoch in history),
            validation=tuple(_loss(epoch) for epoch in history),
            seconds=seconds,
            finished_at=time.time(),
            where=platform.node(),
        )


def _loss(epoch: Epoch) -> float:
    return epoch.train if epoch.validation is None else epoch.validation


def _why(fitted: Fitted) -> str:
    if fitted.ended is Ended.STOPPED:
        return f"others had come further by epoch {len(fitted.history)}"
    return str(fitted.ended)
