"""What a study's trials are trained on and judged by: the little that tune asks of `train.material.Material`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from invplat.data.layout import Layout
    from invplat.train.material import Business
    from invplat.workload import Source, Workload


class Task(Protocol):
    @property
    def workload(self) -> Workload: ...
    @property
    def layout(self) -> Layout: ...
    @property
    def train(self) -> Source: ...
    @property
    def validation(self) -> Source: ...
    @property
    def businesses(self) -> Sequence[Business]:
        """Whose panels tell how orders are placed, for the cost; may be empty."""
        ...
