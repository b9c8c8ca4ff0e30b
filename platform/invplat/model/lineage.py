"""Lineage: what a model was made of, so that it can be made again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import invplat

if TYPE_CHECKING:
    from invplat.data.dataset import Dataset


def lineage_of(dataset: Dataset | None, *, seed: int, donor: str | None = None, **more: Any) -> dict[str, Any]:
    """`dataset`: what it learnt from; None for data that is kept nowhere. `donor`: NAME@VERSION that it began as.
    `more`: what else made it, such as the cutoff or the epochs."""
    import torch

    manifest = dataset.manifest if dataset is not None else None
    return {
        "dataset": None
        if manifest is None
        else {"tenant": manifest.tenant, "version": manifest.version, "content_hash": manifest.content_hash},
        "code": invplat.__version__,
        "torch": str(torch.__version__),
        "seed": seed,
        "donor": donor,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **more,
    }
