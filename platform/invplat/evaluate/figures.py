"""A figure of a judgement: its value, or why there is none. Nobody ever gets a NaN.

Knows nothing of how figures are computed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    value: float | None
    note: str = ""  # why there is no value, or what was left out of it

    def __str__(self) -> str:
        return "–" if self.value is None else f"{self.value:.6g}"


Record = dict[str, object]


def as_record(figures: dict[str, Figure]) -> Record:
    """One line of a table: a column a figure, and what is to be said of them under `notes`."""
    record: Record = {name: figure.value for name, figure in figures.items()}
    notes = [f"{name}: {figure.note}" for name, figure in figures.items() if figure.note]
    if notes:
        record["notes"] = "; ".join(notes)
    return record
