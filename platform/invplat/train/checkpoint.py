"""A fit stopped between two epochs, as bytes: tensors by safetensors, the rest as JSON in its header; never pickle.

Knows nothing of where the bytes are kept. A checkpoint resumes to the same bits on the same device and versions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from invplat.core.errors import SettingRefused

VERSION = 1
HEADER = "invplat"


@dataclass(frozen=True)
class Checkpoint:
    tensors: dict[str, torch.Tensor]  # by group/name: weights, best weights, moments, generators
    facts: dict[str, Any]  # plan, epoch, history; JSON

    def to_bytes(self) -> bytes:
        kept = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in self.tensors.items()}
        found: bytes = save(kept, metadata={HEADER: json.dumps({"version": VERSION, **self.facts})})
        return found

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        try:
            tensors = load(data)
            facts = _header(data)
        except (SafetensorError, ValueError, KeyError) as error:
            raise SettingRefused(
                f"{len(data):,} bytes are no checkpoint of a fit: {error}",
                hint="resume from another checkpoint, or start again",
            ) from error
        if facts.pop("version") > VERSION:
            raise SettingRefused("the checkpoint was written by a newer invplat", hint="upgrade invplat")
        return cls(tensors, facts)

    def group(self, name: str) -> dict[str, torch.Tensor]:
        head = f"{name}/"
        return {key.removeprefix(head): tensor for key, tensor in self.tensors.items() if key.startswith(head)}


def grouped(**groups: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{group}/{name}": tensor for group, tensors in groups.items() for name, tensor in tensors.items()}


def _header(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    found: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][HEADER])
    return found
