"""Bundles that are quick to make: no net behind them, yet whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from invplat.registry.bundle import DOCUMENTS, Bundle, packed


def apart(number: float, trunk: float = 0.0, **lineage: Any) -> Bundle:
    """The same with a trunk that others have alike."""
    return replace(bundle(number, **lineage), shared=packed({"trunk": torch.full((300,), trunk)}))


def bundle(number: float, **lineage: Any) -> Bundle:
    documents: dict[str, Any] = {name: {} for name in DOCUMENTS}
    documents |= {"metrics": {"number": number}, "params": {"rate": 0.5}, "lineage": {"code": "0.1.0", **lineage}}
    return Bundle("mlp", documents, packed({"weight": torch.full((3,), float(number))}))
