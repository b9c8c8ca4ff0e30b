"""Made-up windows for a layout: what a net reads, where no business's data is at hand, as when it is exported.

Values spread about the layout's own centres, so that a net answers them as it answers what it learnt from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from invplat.core.errors import DatasetError
from invplat.data.dense import Bools, Floats
from invplat.data.layout import Layout, Numbers
from invplat.data.lead_times import LeadTimes
from invplat.data.panel import Group, Panel
from invplat.data.statics import Statics
from invplat.data.timeline import Timeline, as_day
from invplat.data.transforms import Categories
from invplat.data.windows import Windows, windows

BEGINS = "2024-01-01"
LEVEL = 8  # units a period, about
WAITS = (5, 6, 7)  # days that orders take, in turn


def specimen_panel(layout: Layout, frequency: str, count: int, seed: int = 0) -> Panel:
    """One store with `count` series, as long as one window."""
    if layout.past < 1:
        raise DatasetError("this model reads rows of a table, not windows", hint="only models of windows are exported")
    random = np.random.default_rng(seed)
    shape = (count, layout.past + layout.horizon)
    demand = random.poisson(random.uniform(1, 2 * LEVEL, (count, 1)), shape).astype(np.float32)
    observed: Bools = random.random(shape) < 0.95
    observed[:, [0, layout.past]] = True  # so that every series is a window
    censored: Bools = observed & (random.random(shape) < 0.05)
    demand[~observed] = 0
    counted = frozenset(layout.quantities)
    past = _columns(layout.sees, shape, random, counted)
    past |= {"demand": demand, "observed": observed, "censored": censored} if "demand" in past else {}
    past = {name: past[name] for name in layout.sees.names}
    ahead = _columns(layout.ahead, shape, random)
    static = _columns(layout.static, (count,), random)
    texts = {
        name: tuple(f"{name}-{number}" for number in random.integers(0, max(size, 1), count).tolist())
        for name, size in layout.ids.items()
    }
    begins = as_day(BEGINS)
    return Panel(
        store="specimen",
        timeline=Timeline.covering(frequency, begins, begins).widened(0, shape[1] - 1),
        known=shape[1],
        skus=tuple(f"sku-{number}" for number in range(count)),
        launch=np.zeros(count, np.int64),
        demand=demand,
        observed=observed,
        censored=censored,
        past=Group.of(past, shape, counted),
        ahead=Group.of(ahead, shape),
        statics=Statics(
            layout.static.names,
            np.stack([static[name] for name in layout.static.names], axis=1)
            if static
            else np.zeros((count, 0), np.float32),
            {"sku": tuple(f"sku-{number}" for number in range(count)), **texts},
        ),
        planned=(),
        row_share=1.0,
    )


def specimen_windows(layout: Layout, panel: Panel) -> Windows:
    """One of each series."""
    encoders = {
        name: Categories(tuple(f"{name}-{number}" for number in range(1, size)), BEGINS)
        for name, size in layout.ids.items()
    }
    return windows(panel, past=layout.past, horizon=layout.horizon, encoders=encoders)


def specimen_lead_times(panel: Panel) -> LeadTimes:
    """An order every tenth period, received within a week."""
    ordered = panel.timeline.starts()[::10]
    names: dict[str, Sequence[str | None]] = {
        "sku": [None] * len(ordered),
        "supplier": [None] * len(ordered),
        "store": [panel.store] * len(ordered),
        "all": [""] * len(ordered),
    }
    received = ordered + np.resize(np.array(WAITS), len(ordered))
    return LeadTimes(ordered, received, {name: np.array(labels, object) for name, labels in names.items()})


def _columns(
    numbers: Numbers, shape: tuple[int, ...], random: np.random.Generator, counted: frozenset[str] = frozenset()
) -> dict[str, Floats | Bools]:
    found: dict[str, Floats | Bools] = {}
    for name, centre, spread in zip(numbers.names, numbers.centres, numbers.spreads, strict=True):
        squashed: npt.NDArray[np.float64] = centre + spread * random.uniform(-1.5, 1.5, shape)
        values = np.sign(squashed) * np.expm1(np.abs(squashed))
        found[name] = (values * (LEVEL if name in counted else 1)).astype(np.float32)
    return found
