"""Which model answers for a business, what it was made of, and why it and no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from invplat.registry import aliases, results, versions
from invplat.registry.versions import Version
from invplat.serve.answered import version_of
from invplat.serve.auth import Reader, TenantName
from invplat.serve.rival import ChallengerSaid, challenger_said
from invplat.serve.routes import Served, Service

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["model"])
CANDIDATE = "candidate"
MOST = 100  # versions that are listed
TOLD = ("seed", "cutoff", "epochs", "way", "stage", "torch", "layers", "kept")  # of a lineage: what names nobody


class Data(BaseModel):
    version: int | None
    digest: str | None
    own: bool = Field(description="This business's data, not another's.")


class Lineage(BaseModel):
    data: list[Data] = Field(description="What it has learnt from; whose, where it is another's, is not said.")
    donor: str | None = Field(description="The model that it began as.", examples=["base mlp@3"])
    code: str = Field(description="The version of invplat that made it.")
    more: dict[str, Any] = Field(default_factory=dict)


class Decided(BaseModel):
    decision: str | None = Field(description="What is served: candidate, champion, base or seasonal_naive.")
    reason: str = Field(examples=["on 120 held-out series no worse than the untouched base (error -8.1%)"])
    figures: dict[str, dict[str, float | None]] = Field(
        default_factory=dict,
        description="Of each that could be served: error (of quantiles), wape (of the median), cost, on held-out days.",
    )
    at: str | None = None


class VersionSaid(BaseModel):
    reference: str
    made: str
    way: str | None
    decision: str | None
    reason: str | None
    error: float | None = Field(description="Share of what was sold that it missed, on held-out periods.")
    champion: bool
    size: int = Field(description="Bytes.")


class ModelSaid(BaseModel):
    reference: str = Field(examples=["mlp@3"])
    base: bool = Field(description="Shared by all businesses, not this one's own.")
    workload: str
    way: str | None = Field(description="How it was adapted.")
    made: str
    size: int = Field(description="Bytes of its own, beside what it shares with others.")
    lineage: Lineage
    metrics: dict[str, Any]
    verdict: Decided | None = Field(description="The gate's, when it was last asked.")
    aliases: dict[str, str | None] = Field(
        description="Which version is which.",
        examples=[{"champion": "mlp@3", "challenger": None, "previous": "mlp@2"}],
    )
    challenger: ChallengerSaid | None = Field(
        None, description="Which model is asked the same questions beside it, and how the two came out."
    )
    versions: list[VersionSaid] = Field(description="The business's own, the newest first.")


@router.get("/model", summary="The model that answers, its lineage, and the gate's verdict")
def model(tenant: TenantName, service: Service, caller: Reader) -> ModelSaid:
    return said(service, tenant)


def said(service: Served, tenant: str) -> ModelSaid:
    database = service.database
    found = version_of(service, tenant)
    named = {one.alias: one.model for one in aliases.of_tenant(database, tenant) if _same(one, found)}
    own = versions.of_tenant(database, tenant)
    known = {one.id: one for one in own} | {found.id: found}
    others = [one for one in (*named.values(), found.donor) if one and one not in known]
    known |= versions.by_ids(database, others)
    donor = known.get(found.donor) if found.donor else None
    return ModelSaid(
        reference=found.reference,
        base=found.tenant is None,
        workload=found.workload,
        way=_way(found),
        made=found.made,
        size=found.size,
        lineage=Lineage(
            data=[Data(version=one.version, digest=one.digest, own=one.tenant == tenant) for one in found.datasets],
            donor=_called(donor, tenant),
            code=found.code,
            more={name: found.lineage[name] for name in TOLD if _plain(found.lineage.get(name))},
        ),
        metrics=_metrics(found, tenant),
        verdict=_verdict(service, tenant, found),
        aliases={name: _called(known.get(named.get(name, "")), tenant) for name in aliases.NAMES},
        challenger=challenger_said(service, tenant, found),
        versions=[_version(one, found) for one in sorted(own, key=lambda one: one.made, reverse=True)[:MOST]],
    )


def _same(one: aliases.Alias, found: Version) -> bool:
    """A rule is served in place of a model of a workload."""
    return one.workload == found.workload or one.model == found.id


def _called(version: Version | None, tenant: str) -> str | None:
    if version is None or version.tenant not in (None, tenant):
        return None  # of another business, its very name is the other's
    return version.called


def _way(version: Version) -> str | None:
    return version.lineage.get("way") if version.tenant else None


def _metrics(version: Version, tenant: str) -> dict[str, Any]:
    """A base is judged on the data of many; of those only the whole is told."""
    if version.tenant == tenant:
        return dict(version.metrics)
    return {name: value for name, value in version.metrics.items() if _plain(value)}


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def _verdict(service: Served, tenant: str, found: Version) -> Decided | None:
    if found.tenant == tenant and found.verdict:
        return _decided(found.verdict, found.made)
    for one in results.of_tenant(service.database, tenant):  # newest first
        detail = one.detail or {}
        if one.state == results.DONE and detail.get("serves"):
            return _decided({**detail, "decision": detail["serves"], "reason": one.reason}, one.changed)
    return None


def _decided(verdict: Mapping[str, Any], at: str) -> Decided:
    return Decided(
        decision=verdict.get("decision"),
        reason=str(verdict.get("reason") or ""),
        figures={name: dict(each) for name, each in (verdict.get("figures") or {}).items()},
        at=at,
    )


def _version(one: Version, served: Version) -> VersionSaid:
    verdict = one.verdict or {}
    figures = verdict.get("figures") or {}
    return VersionSaid(
        reference=one.reference,
        made=one.made,
        way=_way(one),
        decision=verdict.get("decision"),
        reason=verdict.get("reason"),
        error=(figures.get(CANDIDATE) or {}).get("wape"),
        champion=one.id == served.id,
        size=one.size,
    )
