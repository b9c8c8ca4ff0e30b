"""The contract between the platform and a model: all that tune, train, transfer, evaluate and serve ask of it.

A workload is found by name through the entry-point group `invplat.workloads`, so any installed package can bring one;
the platform imports none. Torch is what it speaks; Ray it does not know. `invplat.testing.workloads` has the tests that
every workload passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from invplat.core.errors import DatasetError, SettingRefused
from invplat.core.space import Choice, Dimension, Integer, Params, Space, Uniform, Value

if TYPE_CHECKING:
    import torch

    from invplat.data.dataset import Dataset
    from invplat.data.layout import Layout
    from invplat.data.lead_times import LeadTimes
    from invplat.data.panel import Panel
    from invplat.data.windows import Batch, Windows

__all__ = [
    "Chance",
    "Choice",
    "Column",
    "Dimension",
    "Grafts",
    "Integer",
    "Layered",
    "Outputs",
    "Params",
    "Parts",
    "Prediction",
    "Source",
    "Space",
    "Spec",
    "Uniform",
    "Value",
    "Workload",
    "find",
    "installed",
    "lost",
]

GROUP = "invplat.workloads"
QUANTILES = (0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95)
Outputs = Mapping[str, "torch.Tensor"]


@dataclass(frozen=True)
class Spec:
    """What a person asks of a model; nothing here is searched."""

    past: int = 56  # periods seen
    horizon: int = 28  # periods answered for
    quantiles: tuple[float, ...] = QUANTILES
    ids: tuple[str, ...] = ("sku", "store", "category", "brand", "supplier")  # texts that get a vocabulary, where known


@dataclass(frozen=True)
class Column:
    """A column that a workload makes use of: `sales.price`, or a whole table: `events`."""

    name: str
    without: str  # what is lost, or why it can't run
    required: bool = False


@dataclass(frozen=True)
class Parts:
    """Beginnings of parameter and buffer names; each of a net's belongs to exactly one part."""

    trunk: tuple[str, ...]  # means something on any business
    head: tuple[str, ...]  # what a fine-tune of the head alone changes
    tenant: tuple[str, ...]  # a business's own: identity embeddings, scaling

    def of(self, name: str) -> str:
        found = [part for part in ("trunk", "head", "tenant") if name.startswith(getattr(self, part))]
        if len(found) != 1:
            raise SettingRefused(
                f"parameter {name!r} belongs to {' and '.join(found) or 'no part'}",
                hint="each begins with one prefix of trunk, head or tenant",
            )
        return found[0]


@dataclass(frozen=True)
class Prediction:
    """In units of the business: demand per period, days, pieces."""

    quantiles: torch.Tensor  # n × horizon × levels, never crossing, never negative
    levels: tuple[float, ...]
    mean: torch.Tensor  # n × horizon
    vlt: torch.Tensor | None = None  # n, or n × levels: days until an order placed now arrives
    order: torch.Tensor | None = None  # n: how many to order now

    @property
    def median(self) -> torch.Tensor:
        return self.quantiles[..., self.levels.index(0.5)]


class Source(Protocol):
    """Examples as tensors on one device, gathered many at once; `data.windows.Windows` is one."""

    def __len__(self) -> int: ...
    def batch(self, which: torch.Tensor) -> Batch: ...
    def to(self, device: str) -> Self: ...


class Chance(Protocol):
    """What a net may draw while it trains."""

    def uniform(self, shape: Sequence[int]) -> torch.Tensor:
        """Numbers from 0 to 1, 1 not included; always as many in one step of a batch's size."""
        ...


class Workload(Protocol):
    """One object, without state: everything learnt is in the module, everything chosen in params and layout.

    Duties. The module is a pure function of what `inputs` makes: all chance of training (dropout) is drawn there, from
    the `chance` given, so that a fit alone and a fit in a pack see the same. Its forward takes those tensors by name
    and gives tensors by name, examples along the first axis, none looking at another. Outputs and targets are relative
    to each example's level. Modules live on any device and their state is tensors only.
    """

    @property
    def name(self) -> str: ...
    @property
    def space(self) -> Space:
        """Params by name. The loop itself reads learning_rate, weight_decay and batch_size where they are present."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]: ...
    @property
    def parts(self) -> Parts: ...
    @property
    def predicts(self) -> frozenset[str]:
        """Which fields of a Prediction it fills: quantiles and mean at least; vlt and order where it decides."""
        ...

    @property
    def scale_free(self) -> bool:
        """A thousand times the demand gives a thousand times the forecast."""
        ...

    @property
    def fusable(self) -> bool:
        """The module runs under torch.func.vmap, parameters and buffers stacked; params of no shape are buffers."""
        ...

    def layout(self, windows: Windows, spec: Spec) -> Layout:
        """What a net for these windows is built for; fitted on training windows only."""
        ...

    def examples(
        self,
        windows: Windows,
        layout: Layout,
        *,
        panels: Sequence[Panel] = (),
        lead_times: Sequence[LeadTimes] = (),
    ) -> Source:
        """Windows, of this business or another, as the net reads them. Panels as they were cut, and the lead times of
        each, for those that decide."""
        ...

    def build(self, params: Params, layout: Layout) -> torch.nn.Module:
        """Weights are drawn from torch's global generator, which the caller seeds."""
        ...

    def inputs(self, module: torch.nn.Module, batch: Batch, chance: Chance | None = None) -> dict[str, torch.Tensor]:
        """What forward takes; with chance, of a step of training."""
        ...

    def loss(self, outputs: Outputs, batch: Batch, layout: Layout) -> torch.Tensor:
        """Of each example (n), 0 where nothing was observed; what is hidden or cut short by an empty shelf counts as
        such."""
        ...

    def predict(self, outputs: Outputs, batch: Batch, layout: Layout) -> Prediction: ...


@runtime_checkable
class Layered(Protocol):
    """What a workload may have beside the contract, so that a fine-tune computes once what is frozen.

    Its net is a row of layers. Where the last few learn and the others stay, `told` is what those last are told of each
    example, and `answered` what they make of it: together the module's forward, and `told` asks no weight that learns.
    """

    @property
    def layers(self) -> tuple[tuple[str, ...], ...]:
        """Beginnings of parameter names, the last layer first."""
        ...

    @property
    def cuts(self) -> tuple[int, ...]:
        """Numbers of last layers before which the net may be cut, rising."""
        ...

    def told(self, module: torch.nn.Module, inputs: Mapping[str, torch.Tensor], last: int) -> dict[str, torch.Tensor]:
        """Examples along the first axis."""
        ...

    def answered(self, module: torch.nn.Module, told: Mapping[str, torch.Tensor], last: int) -> Outputs: ...


@runtime_checkable
class Grafts(Protocol):
    """What a workload may have beside the contract, so that a model goes on with other columns, names or periods."""

    def grafted(self, module: torch.nn.Module, layout: Layout, params: Params, wanted: Layout) -> torch.nn.Module:
        """A net for the wanted layout that begins as this one: what both know keeps its weights, new columns and names
        begin with none, so that answers are the same; new periods begin as the nearest known one like them."""
        ...


def installed() -> dict[str, str]:
    """Names of workloads and where each comes from, without importing any."""
    return {point.name: point.value for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


def find(name: str) -> Workload:
    known = installed()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        listed = f"installed: {', '.join(known)}" if known else f"no package with the entry point {GROUP} is installed"
        raise SettingRefused(
            f"workload {name!r} is not installed", hint=f"did you mean {near[0]}? {listed}" if near else listed
        )
    point = next(point for point in entry_points(group=GROUP) if point.name == name)
    try:
        found: Workload = point.load()
    except (ImportError, AttributeError) as error:
        raise SettingRefused(
            f"workload {name!r} can't be loaded from {point.value}: {error}",
            hint="reinstall the package that brings it, or correct its entry point to module:OBJECT",
        ) from error
    return found


def lost(workload: Workload, dataset: Dataset) -> tuple[str, ...]:
    """One sentence for each column that the workload would use and the dataset lacks; refuses if one is required."""
    sentences = []
    for column in workload.columns:
        table, _, name = column.name.partition(".")
        there = dataset.has(table) and (not name or name in dataset.columns(table))
        if there:
            continue
        if column.required:
            raise DatasetError(
                f"{workload.name} needs {column.name}, which {dataset.tenant} does not have: {column.without}",
                hint=f"ingest {table} with {name or 'at least one column'}, or choose another workload",
            )
        sentences.append(f"without {column.name}: {column.without}")
    return tuple(sentences)
