"""Stretches of rows: any run of `length` rows of a table, seen as one line without a copy, or gathered by first row.

A window's features lie side by side in memory, so gathering one is a single block. Torch is imported on use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


def flat(parts: Sequence[Any]) -> torch.Tensor:
    import torch

    rows = [part.reshape(part.shape[0] * part.shape[1], part.shape[2]) for part in parts]
    return torch.from_numpy(rows[0] if len(rows) == 1 else np.concatenate(rows))


def stretches(rows: torch.Tensor, length: int) -> torch.Tensor:
    """Every run of `length` rows, as one line each, sharing memory."""
    width = rows.shape[1]
    return rows.as_strided((max(rows.shape[0] - length + 1, 0), length * width), (width, 1))


def gathered(rows: torch.Tensor, starts: torch.Tensor, length: int) -> torch.Tensor:
    found: torch.Tensor = stretches(rows, length)[starts].view(len(starts), length, rows.shape[1])
    return found
