"""A base as others are held against it: what a business's own model shares with the one that it began as.

Knows neither businesses nor what is served.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from invplat.model import Model
from invplat.workload import Layered


@dataclass(frozen=True)
class Base:
    digest: str
    model: Model
    layout: Any  # as JSON has it

    @staticmethod
    def of(digest: str, model: Model) -> Base:
        return Base(digest, model, json.loads(json.dumps(model.layout.to_json())))

    def shaped_like(self, documents: Mapping[str, Any]) -> bool:
        """Of a bundle."""
        model = self.model
        return bool(
            documents["layout"] == self.layout
            and model.workload.space.complete(dict(documents["params"])) == model.params
            and documents["spec"]["horizon"] == model.spec.horizon
        )

    def cut(self, tensors: Mapping[str, torch.Tensor]) -> tuple[int, tuple[str, ...]]:
        """The fewest last layers that hold all in which these differ, and the names of what they hold; 0: no cut
        does."""
        workload = self.model.workload
        state = self.model.module.state_dict()
        differ = [name for name, value in state.items() if not torch.equal(value, tensors[name])]
        if not isinstance(workload, Layered):
            return 0, ()
        for last in workload.cuts:
            prefixes = tuple(prefix for layer in workload.layers[:last] for prefix in layer)
            if all(name.startswith(prefixes) for name in differ):
                return last, tuple(name for name in state if name.startswith(prefixes))
        return 0, ()
