"""What a net is told of some windows, as numbers by name, and what it would answer if told something else.

A net's inputs are named tensors; ids it turns into embeddings, whose outputs stand here as inputs of their own. So any
workload's net becomes a function of numbers. Knows nothing of what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from invplat.data.layout import Layout
from invplat.workload import Prediction, Source, Workload

EMBEDDED = "embedding "  # before the name of a layer whose output is meant
Told = dict[str, Tensor]
Answer = Callable[[Prediction], Tensor]


@dataclass(frozen=True)
class Asked:
    """A net and the windows that it is asked about; `answer` picks one number a window."""

    workload: Workload
    module: nn.Module
    layout: Layout
    source: Source
    answer: Answer

    @torch.no_grad()
    def told(self, which: Tensor) -> Told:
        """Every number that bears on the answers to these windows, by name, a window along the first axis."""
        batch = self.source.batch(which)
        inputs = self.workload.inputs(self.module, batch)
        seen: Told = {name: value for name, value in inputs.items() if value.is_floating_point() and value[0].numel()}
        with _embeddings(self.module, {}, seen):
            self.module(**inputs)
        return {name: value.detach().clone() for name, value in seen.items()}

    def says(self, which: Tensor, told: Mapping[str, Tensor]) -> Tensor:
        """One number a window, if told this instead; gradients flow to what is told."""
        batch = self.source.batch(which)
        inputs = self.workload.inputs(self.module, batch)
        inputs |= {name: value for name, value in told.items() if name in inputs}
        with _embeddings(self.module, told, {}):
            outputs = self.module(**inputs)
        return self.answer(self.workload.predict(outputs, batch, self.layout))


@contextmanager
def _embeddings(module: nn.Module, instead: Mapping[str, Tensor], seen: Told) -> Iterator[None]:
    """What each embedding gives is noted in `seen`, or replaced by what stands in `instead`."""
    handles = []
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
            handles.append(layer.register_forward_hook(_watching(EMBEDDED + name, instead, seen)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _watching(name: str, instead: Mapping[str, Tensor], seen: Told) -> Callable[..., Tensor | None]:
    """A layer that is called more than once in a forward gets a name for each call."""
    calls = 0

    def hook(layer: nn.Module, given: Any, output: Tensor) -> Tensor | None:
        nonlocal calls
        calls += 1
        key = name if calls == 1 else f"{name} #{calls}"
        if key in instead:
            return instead[key]
        seen[key] = output
        return None

    return hook
