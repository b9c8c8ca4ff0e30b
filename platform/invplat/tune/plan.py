"""What a study is to do, kept with it: a small record, so that a study can be gone on with and told from another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from invplat.core.errors import SettingRefused
from invplat.core.names import check_study
from invplat.core.space import Space

SEARCHES = ("grid", "random", "bayes")
SCHEDULERS = ("asha", "median", "none")


@dataclass(frozen=True)
class StudyPlan:
    name: str
    workload: str
    datasets: tuple[tuple[str, int], ...]  # tenant and version of each
    search: str
    trials: int | None  # None: as many as the grid has points
    metrics: tuple[str, ...]  # the first is what counts; of several, the Pareto front
    scheduler: str
    epochs: int
    patience: int
    seed: int
    max_concurrent: int  # packs at once; it decides what the search knows when it asks
    space: Space  # as narrowed or widened by a person's file
    spec: Mapping[str, Any] = field(default_factory=dict)  # past, horizon, …: as given
    warm: tuple[str, ...] = ()  # studies whose best trials are tried first
    code: str = ""  # version of invplat

    def __post_init__(self) -> None:
        check_study(self.name)
        _known("search", self.search, SEARCHES)
        check_scheduler(self.scheduler)
        for name, least in (("epochs", 1), ("patience", 0), ("seed", 0), ("max_concurrent", 1)):
            _whole(name, getattr(self, name), least)
        if self.trials is not None:
            _whole("trials", self.trials, 1)
        elif self.search != "grid":
            raise SettingRefused(
                f"a {self.search} search has no end of its own", hint="say how many: --trials 64, or use --search grid"
            )
        if not self.metrics or len(set(self.metrics)) < len(self.metrics):
            raise SettingRefused(f"metrics {list(self.metrics)}", hint="name at least one, each once")

    def to_json(self) -> dict[str, Any]:
        found = {known.name: _plain(getattr(self, known.name)) for known in fields(self)}
        return {**found, "space": self.space.to_json()}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> StudyPlan:
        given = {known.name: raw[known.name] for known in fields(cls) if known.name in raw}
        given["datasets"] = tuple((tenant, version) for tenant, version in raw["datasets"])
        given["metrics"], given["warm"] = tuple(raw["metrics"]), tuple(raw.get("warm", ()))
        given["space"] = Space.from_json(raw["space"])
        return cls(**given)

    def differences(self, other: StudyPlan) -> list[str]:
        """Where another plan is not this one, a sentence each; empty where they are equal."""
        mine, others = self.to_json(), other.to_json()
        found = []
        for name in mine:
            if name in ("space", "spec"):
                found += _entries(name, mine[name], others[name])
            elif mine[name] != others[name]:
                found.append(f"{name} was {_said(mine[name])}, is {_said(others[name])}")
        return found


def _entries(name: str, mine: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    found = []
    for key in dict.fromkeys((*mine, *others)):
        if key not in others:
            found.append(f"{name} had {key}, has it no more")
        elif key not in mine:
            found.append(f"{name} has {key}, which it had not")
        elif name == "space" and mine[key] != others[key]:
            changed = [part for part in {**mine[key], **others[key]} if mine[key].get(part) != others[key].get(part)]
            parts = ", ".join(
                f"{part} was {_said(mine[key].get(part))}, is {_said(others[key].get(part))}" for part in changed
            )
            found.append(f"{key} in the space: {parts}")
        elif mine[key] != others[key]:
            found.append(f"{key} was {_said(mine[key])}, is {_said(others[key])}")
    return found


def _plain(value: Any) -> Any:
    """Without tuples, as JSON gives it back."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(" ".join(map(str, item)) if isinstance(item, list) else str(item) for item in value) or "none"
    return "none" if value is None else str(value)


def check_scheduler(name: str) -> str:
    """Return the name of a scheduler, or refuse it."""
    return _known("scheduler", name, SCHEDULERS)


def _known(what: str, name: str, known: tuple[str, ...]) -> str:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        listed = f"write one of {', '.join(known)}"
        raise SettingRefused(
            f"{what} {name!r} is not known", hint=f"did you mean {near[0]}? {listed}" if near else listed
        )
    return name


def _whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingRefused(f"{name} = {value!r}", hint=f"write a whole number from {least} on")
