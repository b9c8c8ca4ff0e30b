"""Explanations as lines and tables of a terminal: text in, text out, nothing printed."""

from __future__ import annotations

from invplat.core.page.wording import day, harmless, number, percent
from invplat.evaluate.reasons.explanation import Explanation, Importance

BAR = 24  # letters of the longest
SHARES = ("driver", "units", "")
WEIGHTS = ("driver", "mean |units|", "share", "error if mixed up", "")


def about(found: Explanation) -> str:
    return f"{harmless(found.store)} · {harmless(found.sku)}: {found.about}, as known on {day(str(found.cutoff))}"


def shares(found: Explanation, details: bool = False) -> list[tuple[str, str, str]]:
    listed = found.details if details else found.drivers
    largest = max((abs(value) for _, value in listed), default=1.0)
    units = aligned([f"{value:+,.3g}" if abs(value) < 1000 else f"{value:+,.0f}" for _, value in listed])
    return [(harmless(name), text, bar(value, largest)) for (name, value), text in zip(listed, units, strict=True)]


def summed(found: Explanation) -> str:
    """The sum that the table is, and how exact."""
    together = sum(value for _, value in found.drivers)
    steps = f" ({found.steps} steps)" if found.steps else ""
    verdict = "the drivers add up" if found.additive else "the drivers do not quite add up"
    return (
        f"usual {number(found.baseline)} {'+' if together >= 0 else '-'} {number(abs(together))} by its drivers "
        f"= {number(found.forecast)}, at a level of {number(found.level)} a period\n"
        f"{verdict}: off by {percent(round(found.gap, 6))} of the difference{steps}"
    )


def weights(found: Importance) -> list[tuple[str, str, str, str, str]]:
    largest = max((weight.attribution for weight in found.weights), default=1.0)
    sizes = aligned([f"{weight.attribution:,.3g}" for weight in found.weights])
    parts = aligned([percent(round(weight.share, 4)) for weight in found.weights])
    worse = aligned(["–" if weight.permutation is None else _grown(weight.permutation) for weight in found.weights])
    return [
        (harmless(weight.driver), size, part, grown, bar(weight.attribution, largest))
        for weight, size, part, grown in zip(found.weights, sizes, parts, worse, strict=True)
    ]


def judged(found: Importance) -> str:
    return (
        f"mean absolute error {number(found.error)} a period; attributions add up within "
        f"{percent(round(found.gap, 6))} of what they explain"
    )


def bar(value: float, largest: float) -> str:
    """Whole blocks and eighths; what lowers is hatched."""
    eighths = round(8 * BAR * abs(value) / largest) if largest > 0 else 0
    if value < 0:
        return "▒" * round(eighths / 8)
    return "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else "")


def aligned(texts: list[str]) -> list[str]:
    """At the right, as numbers stand."""
    width = max((len(text) for text in texts), default=0)
    return [text.rjust(width) for text in texts]


def _grown(share: float) -> str:
    text = f"{100 * share:+.1f} %"
    return "0.0 %" if text in ("+0.0 %", "-0.0 %") else text
