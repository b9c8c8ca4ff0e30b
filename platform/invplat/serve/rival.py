"""What a business is told of its challenger: which model it is, and how the two came out on the same live questions.

Found out once for each version of the data and each part of forecasts. Whatever is wrong with a challenger is told, and
is no reason to tell nothing of the champion.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from invplat.core.errors import InvplatError
from invplat.data.dataset import versions as dataset_versions
from invplat.evaluate.rivals import rivals, stamp
from invplat.registry import aliases, versions
from invplat.registry.versions import Version
from invplat.serve.remembered import Remembered
from invplat.serve.routes import Served

_FOUND = Remembered(200)


class Sided(BaseModel):
    wape: float = Field(description="Share of what was sold that it missed.")
    bias: float = Field(description="Forecasts less what was sold, as a share of it.")
    pinball: float | None = Field(description="Mean loss of its quantiles, as a share of what was sold.")
    coverage: float | None = Field(description="Share of what was sold that lay within its outermost quantiles.")


class ChallengerSaid(BaseModel):
    reference: str = Field(examples=["mlp@4"])
    base: bool
    since: str = Field(description="Since when it is tried.")
    trouble: str | None = Field(None, description="Why it is not tried, where it is not.")
    sentence: str = ""
    said: int = Field(0, description="Forecasts of single periods that it has made beside the champion's.")
    waiting: int = Field(0, description="Of those of which nothing is known yet.")
    cells: int = Field(0, description="Of those held against what was sold, with the champion's of the same.")
    periods: int = 0
    first: str | None = None
    last: str | None = None
    champion: Sided | None = None
    challenger: Sided | None = None
    difference: float | None = Field(None, description="Of its error to the champion's, as a share of that.")
    interval: tuple[float, float] | None = Field(None, description="That holds the difference 19 times of 20.")
    better: bool | None = Field(None, description="Null: nobody can tell yet.")


def challenger_said(service: Served, tenant: str, champion: Version) -> ChallengerSaid | None:
    """None where nobody is tried."""
    database = service.database
    named = aliases.tried(database, tenant, base=champion.tenant is None)
    if named is None or named.model == champion.id:
        return None
    found = versions.by_ids(database, [named.model]).get(named.model)
    if found is None:
        return None
    shadow = getattr(service, "shadow", None)
    trouble = None if shadow is None else shadow.challengers.trouble.get(tenant)
    known: dict[str, Any] = {}
    try:
        numbers = dataset_versions(service.storage, tenant)[-1:]
        if numbers:
            key = (service.storage.url, tenant, *numbers, champion.id, found.id, stamp(database, tenant, found.id))
            known = _FOUND.get(key, lambda: rivals(database, service.storage, tenant, champion.id, found.id).to_dict())
    except (InvplatError, OSError) as error:
        trouble = trouble or str(error).splitlines()[0]
    days = {name: known[name].isoformat() for name in ("first", "last") if known.get(name)}
    return ChallengerSaid(
        reference=found.reference,
        base=found.tenant is None,
        since=named.changed,
        trouble=trouble,
        **{**known, **{name: days.get(name) for name in ("first", "last")}},
    )
