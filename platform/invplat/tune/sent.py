"""What goes to each process that trains packs: the examples, and nothing that no trial looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from invplat.data.layout import Layout
from invplat.train.material import Business, Material, Part
from invplat.tune.packs import Runner
from invplat.tune.plan import StudyPlan
from invplat.workload import Workload


@dataclass(frozen=True)
class Sent:
    """A Task."""

    workload: Workload
    layout: Layout
    train: Part
    validation: Part
    businesses: tuple[Business, ...]  # for the cost of orders; none where nobody asks for it

    @classmethod
    def of(cls, material: Material, metrics: Sequence[str]) -> Sent:
        """Which examples are the test part stays behind: no trial can look at it."""
        known = [replace(business, dataset=None) for business in material.businesses] if "cost" in metrics else []
        return cls(material.workload, material.layout, material.train, material.validation, tuple(known))

    def to(self, device: str) -> Sent:
        """The examples on a device, once for both parts."""
        if device == "cpu":
            return self
        whole = self.train.whole.to(device)
        train, validation = (Part(whole, part.rows.to(device)) for part in (self.train, self.validation))
        return replace(self, train=train, validation=validation)


def runner(task: Sent, plan: StudyPlan, device: str = "cpu") -> Runner:
    """In the process where packs are to be trained."""
    return Runner.of(task.to(device), plan, device)
