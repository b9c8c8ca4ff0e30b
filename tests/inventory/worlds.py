"""A simulator written day by day and unit by unit, slow and plain: what the tensors must agree with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Plain:
    """One item. `order` is asked with (on hand or owed, on its way) on review days."""

    order: Callable[[int, int], int]
    demand: list[int]
    lead: list[int]
    lost: bool
    life: int | None = None
    reviews: list[bool] | None = None
    crossing: bool = True
    lots: list[list[int]] = field(default_factory=list)  # [units, periods left], the oldest first

    def run(self, initial: int) -> dict[str, int]:
        owed = 0
        if initial:
            self.lots.append([initial, self.life or 10**9])
        due: dict[int, int] = {}
        latest = 0
        total = dict.fromkeys(("held", "short", "placed", "ordered", "received", "expired", "missed", "sold"), 0)

        def receive(units: int) -> None:
            nonlocal owed
            served = min(units, owed)
            owed -= served
            total["sold"] += served
            total["received"] += units
            if units - served:
                self.lots.append([units - served, self.life or 10**9])

        for day, wanted in enumerate(self.demand):
            receive(due.pop(day, 0))
            if self.reviews is None or self.reviews[day]:
                on_hand = sum(units for units, _ in self.lots)
                units = self.order(on_hand - owed, sum(due.values()))
                if units:
                    arrival = day + self.lead[day]
                    if not self.crossing:
                        arrival = latest = max(arrival, latest)
                    due[arrival] = due.get(arrival, 0) + units
                    total["placed"] += 1
                    total["ordered"] += units
                receive(due.pop(day, 0))
            left = wanted
            for lot in self.lots:
                taken = min(lot[0], left)
                lot[0] -= taken
                left -= taken
            total["sold"] += wanted - left
            total["missed"] += left
            if not self.lost:
                owed += left
            for lot in self.lots:
                lot[1] -= 1
            total["expired"] += sum(units for units, days in self.lots if days == 0)
            self.lots = [lot for lot in self.lots if lot[1] > 0 and lot[0] > 0]
            total["held"] += sum(units for units, _ in self.lots)
            total["short"] += left if self.lost else owed
        total["level"] = sum(units for units, _ in self.lots) - owed
        return total
