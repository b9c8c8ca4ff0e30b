"""Where each number that a net is told comes from: which column of the windows, and which period.

Found by trying: a column (or a period) is changed, and the numbers that change with it are its own. So any workload
may arrange, choose and centre its inputs as it likes, and nobody has to write down how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from invplat.data.windows import Windows
from invplat.evaluate.reasons.told import EMBEDDED, Told

PAST, AHEAD, STATIC, ID, OTHER = "past", "ahead", "static", "id", "other"


@dataclass(frozen=True, order=True)
class Origin:
    kind: str
    column: str
    offset: int | None = None  # periods after the cutoff: 0 is the cutoff itself; None where it is of no one period


Changed = dict[str, Tensor]  # as told, of one window: which numbers changed


def origins(windows: Windows, tell: Callable[[Windows], Told]) -> dict[str, list[Origin]]:
    """Of every number of each name, in order; `windows` holds one window, `tell` makes what the net is told of it."""
    plain = tell(windows)
    owners: dict[str, list[tuple[str, str] | None]] = {name: [None] * value[0].numel() for name, value in plain.items()}
    for owner, variants in _columns(windows):
        for changed in _changes(variants, plain, tell):
            for name, mask in changed.items():
                for place in mask.nonzero().flatten().tolist():
                    taken = owners[name][place]
                    owners[name][place] = owner if taken in (None, owner) else (OTHER, _plain(name))
    when: dict[str, list[int | None]] = {name: [None] * len(places) for name, places in owners.items()}
    twice: set[tuple[str, int]] = set()
    for offset, variants in _periods(windows):
        for changed in _changes(variants, plain, tell):
            for name, mask in changed.items():
                for place in mask.nonzero().flatten().tolist():
                    if when[name][place] not in (None, offset):
                        twice.add((name, place))
                    when[name][place] = offset
    return {
        name: [
            Origin(*(owner or (OTHER, _plain(name))), None if (name, place) in twice else when[name][place])
            for place, owner in enumerate(places)
        ]
        for name, places in owners.items()
    }


def _changes(variants: Sequence[Windows], plain: Told, tell: Callable[[Windows], Told]) -> Iterator[Changed]:
    """What changes with each variant; the second is tried only where the first changed nothing."""
    for variant in variants:
        told = tell(variant)
        changed = {name: (told[name] != value)[0].flatten() for name, value in plain.items()}
        yield changed
        if any(bool(mask.any()) for mask in changed.values()):
            return


def _columns(windows: Windows) -> Iterator[tuple[tuple[str, str], list[Windows]]]:
    columns = windows.columns
    for kind, names in ((PAST, windows.past_names), (AHEAD, windows.ahead_names), (STATIC, windows.static_names)):
        rows: Tensor = getattr(columns, kind)
        for place, name in enumerate(names):
            variants = []
            for change in (_more, _less):
                changed = rows.clone()
                changed[:, place] = change(changed[:, place])
                instead: dict[str, Any] = {kind: changed}
                variants.append(replace(windows, columns=replace(columns, **instead)))
            yield (kind, name), variants
    for name, codes in columns.ids.items():
        other = torch.where(codes == 0, torch.ones_like(codes), torch.zeros_like(codes))
        yield (ID, name), [replace(windows, columns=replace(columns, ids={**columns.ids, name: other}))]


def _periods(windows: Windows) -> Iterator[tuple[int, list[Windows]]]:
    first, columns = int(windows.starts[0]), windows.columns
    for period in range(windows.past + windows.horizon):
        variants = []
        for change in (_more, _less):
            rows = {kind: getattr(columns, kind).clone() for kind in (PAST, AHEAD)}
            for values in rows.values():
                values[first + period] = change(values[first + period])
            variants.append(replace(windows, columns=replace(columns, **rows)))
        yield period - windows.past + 1, variants


def _more(values: Tensor) -> Tensor:
    return 1.5 * values + 1


def _less(values: Tensor) -> Tensor:
    return -2 * values - 3


def _plain(name: str) -> str:
    return name.removeprefix(EMBEDDED).rpartition(".")[2].replace("_", " ")
