"""How a fit goes about it: a small record, and the steps' learning rates. Knows nothing of nets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from invplat.core.errors import SettingRefused
from invplat.core.space import Params

SCHEDULES = ("cosine", "constant")
SEARCHED = ("learning_rate", "weight_decay", "batch_size")  # a workload's params that are the loop's business


@dataclass(frozen=True)
class Plan:
    epochs: int = 30
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "cosine"  # over all epochs; constant: the same rate throughout
    clip: float = 1.0  # longest gradient; 0 leaves it as it is
    patience: int = 5  # epochs without a better validation loss before it stops; 0 never stops early
    seed: int = 0  # of the weights and of what a net draws while it trains
    order: int | None = None  # seed of the order of examples; None: the same
    mixed: bool = False  # bfloat16 where a GPU does the arithmetic; a CPU ignores it

    def __post_init__(self) -> None:
        for name, least in (("epochs", 0), ("batch_size", 1), ("patience", 0), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise SettingRefused(f"{name} = {value!r}", hint=f"write a whole number from {least} on")
        for name in ("learning_rate", "weight_decay", "clip"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0 or (name == "learning_rate" and value == 0):
                raise SettingRefused(f"{name} = {value!r}", hint="write a positive number, for example 0.001")
        if self.schedule not in SCHEDULES:
            raise SettingRefused(f"schedule {self.schedule!r} is not known", hint=f"write {' or '.join(SCHEDULES)}")

    @classmethod
    def of(cls, params: Params, **given: Any) -> Plan:
        """The loop's part of a trial's params, and what a person set."""
        searched = {name: params[name] for name in SEARCHED if name in params}
        known = {field.name for field in fields(cls)}
        odd = sorted(set(given) - known)
        if odd:
            raise SettingRefused(f"a plan has no {odd[0]!r}", hint=f"it has {', '.join(sorted(known))}")
        return cls(**{**searched, **given})

    def rate(self, step: int, total: int) -> float:
        """The learning rate of a step; `total` are those of all epochs."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * step / max(total, 1)))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Where another plan, as JSON, is not this one."""
        mine = self.to_json()
        return [f"{name} was {other.get(name)!r}, is {mine[name]!r}" for name in mine if other.get(name) != mine[name]]
