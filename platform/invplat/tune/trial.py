"""What a study asks for and what it hears back, as records that go through JSON. Knows no torch, no Ray, no Optuna.

A *pack* holds trials whose nets have one shape and one batch size, so that they can be trained as one program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import isfinite, nan
from typing import Any

from invplat.core.space import Params, Space, Value

Shape = tuple[tuple[str, Value], ...]


class State(StrEnum):
    DONE = "done"  # trained as long as its plan said
    STOPPED = "stopped"  # the scheduler saw others doing better
    DIVERGED = "diverged"  # its loss was not finite
    FAILED = "failed"  # it could not be trained at all


@dataclass(frozen=True)
class Asked:
    number: int  # of the trial in its study, from 0
    params: dict[str, Value]
    seed: int  # of its weights and its dropout; the order of data is the study's

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Asked:
        return cls(raw["number"], dict(raw["params"]), raw["seed"])


@dataclass(frozen=True)
class Pack:
    number: int
    trials: tuple[Asked, ...]
    rungs: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    """Validation losses by epoch of the packs that had been told when this one was asked."""

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "trials": [trial.to_json() for trial in self.trials],
            "rungs": {str(epoch): list(losses) for epoch, losses in self.rungs.items()},
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Pack:
        return cls(
            raw["number"],
            tuple(Asked.from_json(trial) for trial in raw["trials"]),
            {int(epoch): tuple(losses) for epoch, losses in raw["rungs"].items()},
        )


@dataclass(frozen=True)
class Finished:
    number: int
    pack: int
    params: dict[str, Value]
    seed: int
    state: State
    why: str  # it ended, in words
    values: dict[str, float | None]  # by metric; None where it diverged or failed
    loss: float | None  # the best validation loss
    best: int  # epoch of that loss
    train: tuple[float, ...]  # losses by epoch
    validation: tuple[float, ...]
    seconds: float  # of its pack, divided by the pack's width
    finished_at: float  # unix time
    where: str  # the node's host name

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        found["values"] = {metric: _finite(value) for metric, value in self.values.items()}
        found["loss"] = _finite(self.loss)
        found["train"], found["validation"] = (
            [_finite(loss) for loss in curve] for curve in (self.train, self.validation)
        )
        return found

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Finished:
        curves = {name: _curve(raw[name]) for name in ("train", "validation")}
        given = {**raw, **curves, "state": State(raw["state"])}
        return cls(**given)


def shape_names(space: Space) -> tuple[str, ...]:
    """Params that all members of a pack share."""
    batch = ("batch_size",) if "batch_size" in space.dimensions else ()
    return tuple(dict.fromkeys((*space.shape_names, *batch)))


def shape_of(space: Space, params: Params) -> Shape:
    return tuple((name, params[name]) for name in shape_names(space))


def _finite(value: float | None) -> float | None:
    """JSON has no word for a loss that ran away."""
    return value if value is not None and isfinite(value) else None


def _curve(losses: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(nan if loss is None else loss for loss in losses)
