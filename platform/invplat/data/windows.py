"""Windows: what a model sees at a cutoff (the last known period) and what it must say of the periods after it.

Panels are kept as they are: one flat run of rows, a row a (series, period), and a window is a stretch of rows. Views
over that run cost no memory; `batch` gathers any windows at once. Windows of many stores share one index space.
Knows nothing of nets; torch is imported on use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from invplat.core.errors import DatasetError
from invplat.data.dense import Bools, Ints
from invplat.data.panel import Panel
from invplat.data.stretches import flat, gathered, stretches
from invplat.data.timeline import Dates, as_day

if TYPE_CHECKING:
    import torch


class Encoder(Protocol):
    """A fitted vocabulary, such as transforms.Categories."""

    def apply(self, names: Sequence[str | None]) -> Ints: ...


@dataclass(frozen=True)
class Batch:
    """n windows. With `scaled`, quantities and target are divided by each window's level."""

    past: torch.Tensor  # n × past × features
    ahead: torch.Tensor  # n × (past + horizon) × features known ahead
    static: torch.Tensor  # n × numbers
    ids: dict[str, torch.Tensor]  # n, one entry a vocabulary
    target: torch.Tensor  # n × horizon; 0 where not observed
    observed: torch.Tensor  # n × horizon
    censored: torch.Tensor  # n × horizon: the target is a lower bound
    level: torch.Tensor  # n
    series: torch.Tensor  # n: which series, over all stores

    @property
    def future(self) -> torch.Tensor:
        """Known-ahead features of the horizon only."""
        return self.ahead[:, self.past.shape[1] :]


@dataclass(frozen=True)
class Windows:
    past: int
    horizon: int
    past_names: tuple[str, ...]
    ahead_names: tuple[str, ...]
    static_names: tuple[str, ...]
    texts: Mapping[str, tuple[str | None, ...]]  # of every series: sku, store, category, …
    series: Ints  # of every window
    cutoffs: Dates  # of every window
    levels: torch.Tensor  # of every window
    starts: torch.Tensor  # of every window: its first row
    columns: _Columns
    encoders: Mapping[str, Encoder]

    def __len__(self) -> int:
        return len(self.series)

    def batch(self, which: Any = None, *, scaled: bool = True) -> Batch:
        """The windows of these indices (all by default), gathered at once."""
        import torch

        chosen = slice(None) if which is None else torch.as_tensor(which, device=self.starts.device)
        starts, level = self.starts[chosen], self.levels[chosen]
        series = self.columns.series[chosen]
        stretch = self.past + self.horizon
        past = gathered(self.columns.past, starts, self.past)
        target = gathered(self.columns.demand, starts + self.past, self.horizon).squeeze(-1)
        if scaled:
            divided = self.columns.quantities
            past[:, :, divided] = past[:, :, divided] / level[:, None, None]
            target = target / level[:, None]
        return Batch(
            past=past,
            ahead=gathered(self.columns.ahead, starts, stretch),
            static=self.columns.static[series],
            ids={name: codes[series] for name, codes in self.columns.ids.items()},
            target=target,
            observed=gathered(self.columns.observed, starts + self.past, self.horizon).squeeze(-1),
            censored=gathered(self.columns.censored, starts + self.past, self.horizon).squeeze(-1),
            level=level,
            series=series,
        )

    def views(self) -> dict[str, torch.Tensor]:
        """Every stretch of rows, by its first row, without a copy. Some cross series: see `starts`."""
        columns = self.columns
        lengths = ((columns.past, self.past), (columns.ahead, self.past + self.horizon), (columns.demand, self.horizon))
        found = [
            stretches(rows, length).view(-1 if rows.shape[1] else 0, length, rows.shape[1]) for rows, length in lengths
        ]
        return dict(zip(("past", "ahead", "demand"), found, strict=True))

    def select(self, keep: Any) -> Windows:
        """Some of the windows, the same rows beneath."""
        import torch

        kept = np.arange(len(self))[keep]
        index = torch.from_numpy(kept).to(self.starts.device)
        columns = self.columns.replaced(series=self.columns.series[index])
        return self._with(columns, self.series[kept], self.cutoffs[kept], self.levels[index], self.starts[index])

    def between(self, first: Any, last: Any) -> Windows:
        """Windows whose cutoff lies from `first` to `last`, both included."""
        days = self.cutoffs.astype(np.int64)
        return self.select((days >= as_day(first)) & (days <= as_day(last)))

    def to(self, device: str) -> Windows:
        return self._with(
            self.columns.mapped(lambda tensor: tensor.to(device)),
            self.series,
            self.cutoffs,
            self.levels.to(device),
            self.starts.to(device),
        )

    def _with(
        self, columns: _Columns, series: Ints, cutoffs: Dates, levels: torch.Tensor, starts: torch.Tensor
    ) -> Windows:
        return replace(self, columns=columns, series=series, cutoffs=cutoffs, levels=levels, starts=starts)


@dataclass(frozen=True)
class _Columns:
    past: torch.Tensor  # rows × features
    ahead: torch.Tensor
    demand: torch.Tensor  # rows × 1
    observed: torch.Tensor
    censored: torch.Tensor
    static: torch.Tensor  # series × numbers
    ids: dict[str, torch.Tensor]
    quantities: torch.Tensor  # which past features are divided by the level
    series: torch.Tensor  # of every window

    def mapped(self, change: Callable[[torch.Tensor], torch.Tensor]) -> _Columns:
        plain = {name: change(getattr(self, name)) for name in self.__dataclass_fields__ if name != "ids"}
        return _Columns(**plain, ids={name: change(codes) for name, codes in self.ids.items()})

    def replaced(self, series: torch.Tensor) -> _Columns:
        return replace(self, series=series)


def windows(
    panels: Panel | Sequence[Panel],
    *,
    past: int,
    horizon: int,
    cutoffs: Sequence[Any] | None = None,
    stride: int = 1,
    least: int = 1,
    targets: bool = True,
    floor: float | None = None,
    encoders: Mapping[str, Encoder] | None = None,
) -> Windows:
    """Windows of every series at each cutoff; by default at every `stride`-th period, counted back from the last
    that leaves a whole horizon. Kept: series launched by the cutoff, with `least` observed periods in view and, with
    `targets`, an observed period to say. Level: mean of uncensored observed demand in view, at least `floor`
    (default: one unit in the whole view).
    """
    import torch

    chosen = [panels] if isinstance(panels, Panel) else list(panels)
    _same_layout(chosen, past, horizon)
    lowest = 1.0 / past if floor is None else floor
    series, starts, levels, dates = [], [], [], []
    rows = count = 0
    room = 0
    for panel in chosen:
        marks = _marks(panel, past, horizon, cutoffs, stride, targets)
        room = max(room, panel.known)
        keep, level = _judged(panel, marks, past, horizon, least, targets, lowest)
        which, at = np.nonzero(keep)
        series.append(which + count)
        starts.append(rows + which * panel.timeline.length + marks[at] - past + 1)
        levels.append(level[which, at])
        dates.append(panel.dates[marks[at]])
        rows += panel.shape[0] * panel.timeline.length
        count += panel.shape[0]
    owner = np.concatenate(series)
    if not len(owner):
        _nothing(room, past, horizon, cutoffs, targets)
    texts = {
        name: tuple(chain.from_iterable(panel.statics.texts[name] for panel in chosen))
        for name in chosen[0].statics.texts
    }
    fitted = dict(encoders or {})
    columns = _Columns(
        past=flat([panel.past.values for panel in chosen]),
        ahead=flat([panel.ahead.values for panel in chosen]),
        demand=flat([panel.demand[:, :, None] for panel in chosen]),
        observed=flat([panel.observed[:, :, None] for panel in chosen]),
        censored=flat([panel.censored[:, :, None] for panel in chosen]),
        static=torch.from_numpy(np.concatenate([panel.statics.values for panel in chosen])),
        ids={name: torch.from_numpy(encoder.apply(texts[name])) for name, encoder in fitted.items()},
        quantities=torch.tensor(
            [i for i, name in enumerate(chosen[0].past.names) if name in chosen[0].past.quantities], dtype=torch.int64
        ),
        series=torch.from_numpy(owner),
    )
    return Windows(
        past=past,
        horizon=horizon,
        past_names=chosen[0].past.names,
        ahead_names=chosen[0].ahead.names,
        static_names=chosen[0].statics.names,
        texts=texts,
        series=owner,
        cutoffs=np.concatenate(dates),
        levels=torch.from_numpy(np.concatenate(levels).astype(np.float32)),
        starts=torch.from_numpy(np.concatenate(starts)),
        columns=columns,
        encoders=fitted,
    )


def _same_layout(panels: Sequence[Panel], past: int, horizon: int) -> None:
    if past < 1 or horizon < 1:
        raise DatasetError(f"past = {past} and horizon = {horizon}", hint="both must be 1 or more")
    if not panels:
        raise DatasetError("no panel was given", hint="build one a store with build_panel")
    first = panels[0]
    for panel in panels[1:]:
        for ours, theirs in ((first.past, panel.past), (first.ahead, panel.ahead), (first.statics, panel.statics)):
            if ours.names != theirs.names:
                odd = sorted(set(ours.names) ^ set(theirs.names)) or list(theirs.names)
                raise DatasetError(
                    f"the panels of stores {first.store!r} and {panel.store!r} differ in {', '.join(odd)}",
                    hint="build them with one recipe and the same planned columns",
                )
        if panel.frequency != first.frequency:
            raise DatasetError(
                f"store {first.store!r} is {first.frequency}, store {panel.store!r} {panel.frequency}",
                hint="build them with one frequency",
            )


def _marks(panel: Panel, past: int, horizon: int, cutoffs: Sequence[Any] | None, stride: int, targets: bool) -> Ints:
    """The cutoffs of one panel as periods; those without room for the past or the horizon are left out."""
    length = panel.timeline.length
    if cutoffs is None:
        last = (panel.known if targets else length) - 1 - horizon
        return np.arange(last, past - 2, -stride, dtype=np.int64)[::-1]
    marks = np.unique(np.array([panel.period(cutoff) for cutoff in cutoffs], np.int64))
    return marks[(marks >= past - 1) & (marks < min(panel.known, length - horizon))]


def _judged(
    panel: Panel, marks: Ints, past: int, horizon: int, least: int, targets: bool, floor: float
) -> tuple[Bools, Any]:
    """Which (series, cutoff) are windows, and the level of each, from its past alone."""
    seen = _totals(panel.observed)
    first = marks - past + 1
    observed = seen[:, marks + 1] - seen[:, first]
    keep = (panel.launch[:, None] <= marks) & (observed >= least)
    if targets:
        keep &= (seen[:, marks + 1 + horizon] - seen[:, marks + 1]) > 0
    sure = panel.observed & ~panel.censored
    counts, sums = _totals(sure), _totals(np.where(sure, panel.demand, 0))
    number = counts[:, marks + 1] - counts[:, first]
    # A view that was never fully in stock still tells more by its sales than by nothing.
    every = _totals(panel.demand)
    total = np.where(number > 0, sums[:, marks + 1] - sums[:, first], every[:, marks + 1] - every[:, first])
    level = total / np.maximum(np.where(number > 0, number, observed), 1)
    return keep, np.maximum(level, floor)


def _totals(values: Any) -> Any:
    """Running totals, so that a stretch is a difference; inside each series, so none touches another's digits."""
    found = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, dtype=np.float64, out=found[:, 1:])
    return found


def _nothing(room: int, past: int, horizon: int, cutoffs: Sequence[Any] | None, targets: bool) -> None:
    needed = past + (horizon if targets else 0)
    if room < needed:
        raise DatasetError(
            f"the longest history has {room} periods; past {past} and horizon {horizon} need {needed}",
            hint="ask for less, or build the panels with before=… to let young series in",
        )
    asked = "" if cutoffs is None else " at the given cutoffs"
    raise DatasetError(
        f"no series has an observed past and target{asked}", hint="choose cutoffs inside the history, or lower `least`"
    )
