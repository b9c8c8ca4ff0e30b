"""How a business's panels become a model's windows: the recipe of features, the calendar's unit, the vocabularies.

A bundle keeps it, so that a model sees tomorrow's panels as it saw those that it learnt from. Knows no nets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from invplat.core.errors import DatasetError
from invplat.data.features import Recipe, featured
from invplat.data.panel import Panel
from invplat.data.transforms import Categories
from invplat.data.windows import Windows, windows

if TYPE_CHECKING:
    from invplat.data.dataset import Dataset
    from invplat.workload import Spec

VERSION = 1


@dataclass(frozen=True)
class Preparation:
    recipe: Recipe
    frequency: str  # of the panels
    encoders: Mapping[str, Categories] = field(default_factory=dict)  # the vocabulary of each id

    def ready(self, panels: Panel | Sequence[Panel], dataset: Dataset | None = None) -> list[Panel]:
        """Panels with the recipe's features. The dataset is needed for holidays and signals only."""
        chosen = [panels] if isinstance(panels, Panel) else list(panels)
        for panel in chosen:
            if panel.frequency != self.frequency:
                raise DatasetError(
                    f"the panel of store {panel.store!r} is {panel.frequency}, the model is {self.frequency}",
                    hint=f"build it with frequency={self.frequency!r}",
                )
        return [featured(panel, self.recipe, dataset) for panel in chosen]

    def cut(
        self,
        panels: Sequence[Panel],
        spec: Spec,
        cutoffs: Sequence[Any] | None = None,
        *,
        targets: bool = True,
        stride: int = 1,
        least: int = 1,
    ) -> Windows:
        """Windows of panels that are `ready`, as `data.windows` cuts them. A text that these panels lack gets no id:
        to a net, everyone is unknown there."""
        known = {
            name: encoder
            for name, encoder in self.encoders.items()
            if all(name in panel.statics.texts for panel in panels)
        }
        return windows(
            panels,
            past=spec.past,
            horizon=spec.horizon,
            cutoffs=cutoffs,
            stride=stride,
            least=least,
            targets=targets,
            encoders=known,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "recipe": self.recipe.to_json(),
            "frequency": self.frequency,
            "encoders": {name: encoder.to_json() for name, encoder in self.encoders.items()},
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Preparation:
        if raw["version"] > VERSION:
            raise DatasetError(
                f"a preparation of version {raw['version']}; this code knows {VERSION}", hint="upgrade invplat"
            )
        encoders = {name: Categories.from_json(encoder) for name, encoder in raw["encoders"].items()}
        return cls(Recipe.from_json(raw["recipe"]), str(raw["frequency"]), encoders)
