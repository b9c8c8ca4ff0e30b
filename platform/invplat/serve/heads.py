"""Many businesses' nets as one: what they share is held once, what is each one's own stands in rows of a stack.

Answers of a batch are computed together, whoever's they are, by gathering each example's own weights by its row. Nets
whose last layers alone differ share the trunk; others share no more than their shape. Knows no business by name.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import torch
import xxhash
from torch import Tensor
from torch.func import functional_call, vmap

from invplat.data.lead_times import LeadTimes
from invplat.data.panel import Panel
from invplat.data.windows import Batch, Windows
from invplat.model import Model
from invplat.model.specimen import specimen_lead_times, specimen_panel, specimen_windows
from invplat.serve.program import Work, written
from invplat.transfer.judge import naive_of
from invplat.workload import Layered, Outputs, Prediction, Workload

FIRST = 8  # rows that a stack begins with
AT_ONCE = 4096  # windows a step
WRITTEN = 64  # examples; with more of them the arithmetic outweighs the rest
Weights = Mapping[str, Tensor]
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Asked:
    """Examples of one net, as the layers behind the cut are told of them."""

    row: int  # of the stack
    told: Mapping[str, Tensor]
    fields: Mapping[str, Tensor]  # of the batch, those that the workload's `predict` reads
    count: int

    def __len__(self) -> int:
        return self.count


class Stack:
    def __init__(self, model: Model, own: Sequence[str], last: int) -> None:
        """`own`: names of what differs, all of it behind the cut before the `last` layers; 0: there is no cut."""
        self.model, self.last = model, last
        self.net = model.module
        state = dict(self.net.state_dict())
        self.own = tuple(name for name in state if name in own)
        self.rows: dict[str, Tensor] = {name: state[name].new_zeros((FIRST, *state[name].shape)) for name in self.own}
        self._free = list(range(FIRST))[::-1]
        self._own = threading.local()
        self._programs: dict[int, Work | None] = {}
        example = _example(model)
        self.like = few(example)  # for fields that nobody reads
        self.reads = read_by_predict(model, example)

    @cached_property
    def trunk(self) -> str:
        """What it tells the layers behind the cut depends on all that this stands for."""
        digest = xxhash.xxh3_128(json.dumps(self.model.layout.to_json(), sort_keys=True).encode())
        digest.update(json.dumps(dict(self.model.params), sort_keys=True, default=str).encode())
        for name, value in self.net.state_dict().items():
            if name not in self.own:
                digest.update(name.encode())
                digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def used(self) -> int:
        return (len(next(iter(self.rows.values()))) if self.rows else FIRST) - len(self._free)

    @property
    def row_bytes(self) -> int:
        """What each net of its own costs."""
        return sum(rows[0].nbytes for rows in self.rows.values())

    def put(self, weights: Weights) -> int:
        """A row that is nobody's gets these weights; batches under way do not see it."""
        if not self._free:
            self._grow()
        row = self._free.pop()
        try:
            for name in self.own:
                self.rows[name][row] = weights[name]
        except BaseException:  # of another shape, as a spoilt one may be
            self._free.append(row)
            raise
        return row

    def free(self, row: int) -> None:
        self._free.append(row)

    def _grow(self) -> None:
        if not self.rows:
            self._free = [0]  # nothing is anybody's own: one row is as good as another
            return
        size = len(next(iter(self.rows.values())))
        self.rows = {name: torch.cat([rows, torch.zeros_like(rows)]) for name, rows in self.rows.items()}
        self._free = list(range(size, 2 * size))[::-1]

    @torch.no_grad()
    def told(self, windows: Windows, panels: Sequence[Panel], times: Sequence[LeadTimes]) -> tuple[Tensors, Tensors]:
        """What the layers behind the cut are told of each window, and the fields that are read of it afterwards:
        computed once for as long as the data stay."""
        workload = self.model.workload
        source = workload.examples(windows, self.model.layout, panels=panels, lead_times=times)
        told: dict[str, list[Tensor]] = {}
        kept: dict[str, list[Tensor]] = {}
        for which in torch.split(torch.arange(len(source)), AT_ONCE):
            batch = source.batch(which)
            inputs = workload.inputs(self.net, batch)
            if self.last and isinstance(workload, Layered):
                inputs = workload.told(self.net, inputs, self.last)
            for name, value in inputs.items():
                told.setdefault(name, []).append(value)
            for name in self.reads:
                kept.setdefault(name, []).append(_field(batch, name))
        return _joined(told), _joined(kept)

    def answer(self, asked: Sequence[Asked]) -> list[Prediction]:
        """Of each, in one go."""
        return apart(self.whole(asked), [len(one) for one in asked])

    @torch.inference_mode()
    def whole(self, asked: Sequence[Asked]) -> Prediction:
        """Of all, one after the other."""
        if len(asked) == 1:
            one = asked[0]
            return self._predicted(self._alone(one.row, one.told), one.fields)
        fields = {name: torch.cat([one.fields[name] for one in asked]) for name in asked[0].fields}
        if len({one.row for one in asked}) == 1:
            outputs = self._alone(asked[0].row, _told(asked))
        elif len(asked) <= WRITTEN and all(len(one) == 1 for one in asked):
            outputs = self._repeated(asked)
        else:
            counts = torch.tensor([len(one) for one in asked])
            outputs = self._together(torch.tensor([one.row for one in asked]).repeat_interleave(counts), _told(asked))
        return self._predicted(outputs, fields)

    def _repeated(self, asked: Sequence[Asked]) -> Outputs:
        """By what was written out for as many, or for a few more: the last one is asked again until it fits."""
        size = 1 << (len(asked) - 1).bit_length()
        filled = [*asked, *[asked[-1]] * (size - len(asked))]
        index, told = torch.tensor([one.row for one in filled]), _told(filled)
        names = sorted(told)

        def work(inputs: Sequence[Tensor]) -> Outputs:
            rows = dict(zip(self.rows, inputs[1:], strict=False))
            return self._together(inputs[0], dict(zip(names, inputs[1 + len(rows) :], strict=True)), rows)

        given = [index, *self.rows.values(), *(told[name] for name in names)]
        if size not in self._programs:
            self._programs[size] = None  # whatever comes of it, it is tried once
            # Not in inference mode, whose tensors nothing can be watched of.
            with torch.inference_mode(False):
                plain = [each.clone() for each in given]
                turned = [
                    each.flip(0) if place == 0 or place > len(self.rows) else each for place, each in enumerate(plain)
                ]
                self._programs[size] = written(work, plain, turned)
        outputs = (self._programs[size] or work)(given)
        return outputs if size == len(asked) else {name: value[: len(asked)] for name, value in outputs.items()}

    @property
    def _answering(self) -> _Answering:
        """This thread's own: to stand other weights in for a net's changes the net for as long as it answers, which no
        other thread may see. Its tensors are the net's, nothing is there twice."""
        found: _Answering | None = getattr(self._own, "answering", None)
        if found is None:
            tensors = (*self.net.parameters(), *self.net.buffers())
            net = copy.deepcopy(self.net, {id(tensor): tensor for tensor in tensors})
            found = self._own.answering = _Answering(net, self.model.workload, self.last)
        return found

    def _alone(self, row: int, told: Mapping[str, Tensor]) -> Outputs:
        weights = {f"net.{name}": rows[row] for name, rows in self.rows.items()}
        found: Outputs = functional_call(self._answering, weights, (told,), tie_weights=False)
        return found

    def _together(self, index: Tensor, told: Mapping[str, Tensor], rows: Weights | None = None) -> Outputs:
        held = self.rows if rows is None else rows
        weights = {name: each.index_select(0, index) for name, each in held.items()}
        answering = self._answering

        def one(mine: Weights, seen: Weights) -> Outputs:
            row = {name: value.unsqueeze(0) for name, value in seen.items()}
            named = {f"net.{name}": value for name, value in mine.items()}
            said: Outputs = functional_call(answering, named, (row,), tie_weights=False)
            return said

        found: Outputs = vmap(one)(weights, dict(told))
        return {name: value.squeeze(1) for name, value in found.items()}

    def _predicted(self, outputs: Outputs, fields: Mapping[str, Tensor]) -> Prediction:
        return self.model.workload.predict(outputs, _batch(self.like, fields), self.model.layout)


class _Answering(torch.nn.Module):
    def __init__(self, net: torch.nn.Module, workload: Workload, last: int) -> None:
        super().__init__()
        self.net, self.last = net, last
        # Asked once: whether a workload has layers costs more to find out than most of what is asked of it.
        self.layered = workload if last and isinstance(workload, Layered) else None

    def forward(self, told: Mapping[str, Tensor]) -> Outputs:
        if self.layered is not None:
            return self.layered.answered(self.net, told, self.last)
        found: Outputs = self.net(**told)
        return found


def _told(asked: Sequence[Asked]) -> Tensors:
    return {name: torch.cat([one.told[name] for one in asked]) for name in asked[0].told}


def _batch(like: Batch, values: Mapping[str, Tensor]) -> Batch:
    ids = {name.removeprefix("ids."): value for name, value in values.items() if name.startswith("ids.")}
    own = {name: value for name, value in values.items() if not name.startswith("ids.")}
    return replace(like, **own, ids={**like.ids, **ids})


def apart(said: Prediction, counts: Sequence[int]) -> list[Prediction]:
    """Each one's own."""
    if len(counts) == 1:
        return [said]
    columns = {field.name: getattr(said, field.name) for field in fields(Prediction)}
    parts = {name: torch.split(value, list(counts)) for name, value in columns.items() if isinstance(value, Tensor)}
    each: list[dict[str, Any]] = [{name: part[place] for name, part in parts.items()} for place in range(len(counts))]
    return [replace(said, **one) for one in each]


class Rule(Stack):
    """The seasonal naive in a stack's place: nothing is learnt, so what it says is known once the data are."""

    def __init__(self, model: Model) -> None:
        """`model`: whose past, horizon and levels it answers with."""
        super().__init__(model, (), 0)

    @torch.no_grad()
    def told(self, windows: Windows, panels: Sequence[Panel], times: Sequence[LeadTimes]) -> tuple[Tensors, Tensors]:
        said = naive_of(windows, self.model.preparation.frequency, self.model.layout.quantiles)
        return {"quantiles": said.quantiles, "mean": said.mean}, {}

    def whole(self, asked: Sequence[Asked]) -> Prediction:
        quantiles, mean = (torch.cat([one.told[name] for one in asked]) for name in ("quantiles", "mean"))
        return Prediction(quantiles, self.model.layout.quantiles, mean)


def read_by_predict(model: Model, batch: Batch) -> tuple[str, ...]:
    """Which fields of a batch the workload's `predict` looks at."""
    asked: set[str] = set()
    known = {field.name for field in fields(batch)}

    def noticed(self: Any, name: str) -> Any:
        if name in known:
            asked.add(name)
        return object.__getattribute__(self, name)

    first = few(batch)
    outputs = model.module(**model.workload.inputs(model.module, first))
    object.__setattr__(first, "__class__", type("Watched", (type(first),), {"__getattribute__": noticed}))
    model.workload.predict(outputs, first, model.layout)
    if "ids" in asked:
        asked |= {f"ids.{name}" for name in batch.ids}
    return tuple(sorted(asked - {"ids"}))


def _example(model: Model) -> Batch:
    """What a batch of this model's looks like, made up."""
    panel = specimen_panel(model.layout, model.preparation.frequency, 2)
    decides = bool({"vlt", "order"} & model.workload.predicts)
    times = [specimen_lead_times(panel)] if decides else []
    windows = specimen_windows(model.layout, panel)
    return model.workload.examples(windows, model.layout, panels=[panel], lead_times=times).batch(torch.arange(2))


def few(batch: Batch) -> Batch:
    """Its first example."""
    rows = len(batch.level)
    found: dict[str, Any] = {
        field.name: value[:1].clone()
        for field in fields(batch)
        if isinstance(value := getattr(batch, field.name), Tensor) and len(value) == rows
    }
    return replace(batch, **found, ids={name: codes[:1].clone() for name, codes in batch.ids.items()})


def _field(batch: Batch, name: str) -> Tensor:
    found: Tensor = batch.ids[name.removeprefix("ids.")] if name.startswith("ids.") else getattr(batch, name)
    return found


def _joined(parts: Mapping[str, Sequence[Tensor]]) -> Tensors:
    """Copies: a part may be a view of much that need not stay."""
    return {name: torch.cat(list(values)) for name, values in parts.items()}
