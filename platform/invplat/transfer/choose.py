"""Which way, how fast and how far: chosen for each tenant on its own windows after those that it learnt from.

With little data the little ways come first: a way that has more to learn than the history tells of is not tried, and
what was learnt is taken half-way where that says more of the next weeks. Knows no nets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from invplat.core.errors import SettingRefused
from invplat.transfer.batch import Fitted, Settings
from invplat.transfer.examples import LEARN, Examples
from invplat.transfer.ways import AUTO, Way, ways_of

BLENDS = (0.5, 1.0)
PULL = 30.0
EPOCHS = 8
# What a way needs: periods of history, in horizons; windows to learn from.
NEEDS: Mapping[str, tuple[float, int]] = {
    "untouched": (0.0, 0),
    "last": (0.5, 20),
    "head": (0.5, 40),
    "adapter": (1.0, 100),
    "all": (2.0, 200),
}
RATES: Mapping[str, float] = {"last": 1e-3, "head": 1e-3, "adapter": 1e-3, "all": 1e-3}
SMALLER = ("all", "adapter", "head", "last", "untouched")  # what is fallen back to, in turn
TRIED = ("last", "head", "all")  # where nobody says which way
BETTER = 0.01  # share of the loss that a larger way must save beyond a smaller one


@dataclass(frozen=True)
class Choice:
    settings: Settings | None  # None: untouched
    fitted: Fitted | None
    before: float  # loss of the untouched donor on the part to choose by
    after: float
    reason: str


def tried(
    examples: Examples, asked: str, ways: Mapping[str, Way] | None = None, seed: int = 0
) -> tuple[list[Settings], str]:
    """The settings worth a fit for these examples, and what is to be said where the asked way has too little data."""
    known = ways_of(examples.workload) if ways is None else ways
    if asked != AUTO and asked not in known:
        raise SettingRefused(f"way {asked!r} is not known", hint=f"write {AUTO}, {', '.join(known)}")
    if asked == AUTO:
        names = [name for name in TRIED if name in known and not lacks(examples, name)]
        note = "" if names else f"{examples.tenant.name}: {lacks(examples, 'last')}; its donor serves it untouched"
        return [settings_of(known[name], seed) for name in names], note
    why = lacks(examples, asked)
    if not why:
        return ([] if asked == "untouched" else [settings_of(known[asked], seed)]), ""
    for name in SMALLER[SMALLER.index(asked) + 1 :]:
        if name in known and not lacks(examples, name):
            note = f"{examples.tenant.name} was to be adapted by {asked}: {why}; {name} is used instead"
            return ([] if name == "untouched" else [settings_of(known[name], seed)]), note
    return [], why


def lacks(examples: Examples, name: str) -> str:
    """What a way lacks in these examples, in words; empty where it has enough."""
    horizons, windows = NEEDS[name]
    there, learnt = examples.periods, len(examples.rows(LEARN))
    needed = round(horizons * examples.spec.horizon)
    if there < needed:
        return f"{name} needs {needed} periods of history, there are {there}"
    if learnt < windows:
        return f"{name} needs {windows} windows to learn from, there are {learnt}"
    return ""


def settings_of(way: Way, seed: int = 0) -> Settings:
    return Settings(way, rate=RATES[way.name], pull=PULL, slow=0.3, epochs=EPOCHS, blends=BLENDS, seed=seed)


def chosen(name: str, fits: Sequence[tuple[Settings, Fitted]]) -> Choice:
    """Of one tenant's fits, smaller ways first: the least loss, a larger way only where it saves enough."""
    nothing = Choice(None, None, float("nan"), float("nan"), f"{name}: nothing was learnt")
    sound = [(settings, fitted) for settings, fitted in fits if fitted.losses and fitted.losses[0] == fitted.losses[0]]
    if not sound:
        told = next((fitted.trouble for _, fitted in fits if fitted.trouble), "")
        return replace(nothing, reason=f"{name}: {told}" if told else nothing.reason)
    before = sound[0][1].losses[0]
    best: tuple[Settings, Fitted] | None = None
    least = before
    for settings, fitted in sound:
        wanted = settings.stop is not None  # somebody said so
        if wanted or (fitted.best and fitted.loss < (least if best is None else least * (1 - BETTER))):
            best, least = (settings, fitted), fitted.loss
    if best is None:
        return Choice(None, None, before, before, "nothing that it learnt helped on the windows to choose by")
    settings, fitted = best
    part = "" if fitted.blend == 1 else f", {fitted.blend:.0%} of the way"
    reason = f"{settings.way.label}, {fitted.best} epochs{part}: loss {fitted.loss / before - 1:+.1%}"
    return Choice(settings, fitted, before, fitted.loss, reason)
