"""Metrics as pictures and pages name them: a label, a unit, which way is better. Knows no figures."""

from __future__ import annotations

from dataclasses import dataclass

from invplat.core.page.wording import compact


@dataclass(frozen=True)
class Measure:
    label: str
    unit: str = ""
    share: bool = False  # shown as a percentage
    higher: bool = False  # is better
    aim: float | None = None  # nearest to this is best
    short: str = ""  # for the head of a column

    @property
    def named(self) -> str:
        unit = "%" if self.share else self.unit
        return f"{self.label}, {unit}" if unit else self.label

    @property
    def head(self) -> str:
        """Of a narrow column; what is no share is in units, or has none."""
        return f"{self.short or self.label}{', %' if self.share else ''}"

    def said(self, value: float | None) -> str:
        """Three digits, as many as two models ever differ by in earnest."""
        if value is None:
            return "–"
        shown = 100 * value if self.share else value
        if abs(shown) >= 1000:
            return compact(shown)
        digits = max(0, 2 - (len(str(int(abs(shown)))) - 1)) if abs(shown) >= 1 else 3
        return f"{shown:.{digits}f}"

    def better(self, one: float, other: float) -> bool:
        if self.aim is not None:
            return abs(one - self.aim) < abs(other - self.aim)
        return one > other if self.higher else one < other


MEASURES = {
    "rmse": Measure("RMSE", "units"),
    "mse": Measure("MSE", "units²"),
    "mae": Measure("MAE", "units"),
    "bias": Measure("bias", "units", aim=0.0),
    "correlation": Measure("correlation", higher=True, short="corr."),
    "r2": Measure("R²", higher=True),
    "rae": Measure("RAE", share=True),
    "rrse": Measure("RRSE", share=True),
    "mape": Measure("MAPE", share=True),
    "smape": Measure("sMAPE", share=True),
    "wape": Measure("WAPE", share=True),
    "mase": Measure("MASE"),
    "rmsse": Measure("RMSSE"),
    "pinball": Measure("pinball loss", "units", short="pinball"),
    "weighted_quantile_loss": Measure("weighted quantile loss", share=True),
}


def measure_of(metric: str) -> Measure:
    """Of any metric; coverage and width of an interval say which."""
    if metric in MEASURES:
        return MEASURES[metric]
    kind, _, level = metric.partition("_")
    if kind == "coverage":
        return Measure(f"within the {level} % interval", share=True, aim=float(level) / 100, short=f"in {level} % int.")
    if kind == "width":
        return Measure(f"width of the {level} % interval", "units")
    return Measure(metric.replace("_", " "))
