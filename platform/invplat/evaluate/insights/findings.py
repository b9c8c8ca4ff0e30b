"""All insights of a dataset, ranked by the money that they are about. `insights` is the door."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from invplat.core.errors import SettingRefused
from invplat.data.dataset import Dataset
from invplat.evaluate.insights.assumptions import Assumptions
from invplat.evaluate.insights.capital import capital, turns
from invplat.evaluate.insights.classes import classes
from invplat.evaluate.insights.facts import Facts, Progress, read_facts
from invplat.evaluate.insights.insight import Insight, ranked, severity
from invplat.evaluate.insights.patterns import patterns
from invplat.evaluate.insights.segments import segments
from invplat.evaluate.insights.service import service
from invplat.evaluate.insights.stock import dead, slow
from invplat.evaluate.insights.stockouts import stockouts
from invplat.evaluate.insights.suppliers import suppliers
from invplat.evaluate.insights.transfers import transfers
from invplat.evaluate.insights.wording import some

FINDERS: Mapping[str, Callable[[Facts, Assumptions], Insight]] = {
    "dead": dead,
    "slow": slow,
    "stockouts": stockouts,
    "transfers": transfers,
    "suppliers": suppliers,
    "turnover": turns,
    "capital": capital,
    "classes": classes,
    "patterns": patterns,
    "segments": segments,
    "service": service,
}


def insights(
    dataset: Dataset,
    as_of: Any = None,
    *,
    assumptions: Assumptions | None = None,
    only: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Insight]:
    """What to tell the owner, what to mend first by its money. `as_of` is the last day anything is known of."""
    for name in only:
        if name not in FINDERS:
            near = get_close_matches(name, FINDERS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"insights: {', '.join(FINDERS)}"
            raise SettingRefused(f"there is no insight {name!r}", hint=hint)
    assumed = assumptions or Assumptions()
    facts = read_facts(dataset, as_of, assumed, progress)
    found = []
    for name in only or FINDERS:
        insight = FINDERS[name](facts, assumed)
        notes = insight.lacking
        if facts.closed and insight.known:
            notes = (*notes, f"left out as closed, for nothing was sold lately: {some(facts.closed, 5)}")
        graded = severity(insight.money.amount, facts.yearly_sales)
        found.append(replace(insight, lacking=notes, severity=graded, as_of=facts.as_of.isoformat()))
    return ranked(found)
