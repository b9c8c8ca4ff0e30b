"""Which inputs drive the forecast of one series."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from invplat.core.errors import Conflict
from invplat.data.dataset import Dataset
from invplat.registry.versions import Version, open_bundle
from invplat.serve.answered import dataset_of, sent, version_of
from invplat.serve.auth import Reader, TenantName
from invplat.serve.problems import missing
from invplat.serve.remembered import Remembered
from invplat.serve.routes import Served, Service
from invplat.serve.schemas import MOST_HORIZON, Name, Strict

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["insights"])
_FOUND = Remembered(1000)


class ExplanationAsked(Strict):
    store: Name
    sku: Name
    cutoff: date | None = Field(None, description="The last known day; the end of history if not given.")
    step: Annotated[int, Field(ge=1, le=MOST_HORIZON)] | None = Field(
        None, description="Which period of the horizon; the total if not given."
    )
    against: Literal["store", "itself"] = Field(
        "store", description="What is usual: for the store's series, or for this one."
    )


class Driver(BaseModel):
    driver: str = Field(examples=["price"])
    units: float = Field(description="Units that it adds.")


class Detail(BaseModel):
    column: str
    units: float


class ExplanationSaid(BaseModel):
    about: str = Field(examples=["demand, total of 28 days"])
    store: str
    sku: str
    cutoff: date
    level: float = Field(description="Units a period that it sold lately.")
    forecast: float
    baseline: float = Field(description="What the model says of usual inputs at that level.")
    drivers: list[Driver] = Field(description="The largest first.")
    details: list[Detail]
    steps: int
    gap: float
    additive: bool = Field(description="Whether the drivers add up to the difference.")


class Explanations(BaseModel):
    tenant: str
    model: str = Field(examples=["mlp@3"])
    explanations: list[ExplanationSaid]


@router.post("/explain", summary="What drives the forecast of one series", response_model=Explanations)
def explain(tenant: TenantName, asked: ExplanationAsked, service: Service, caller: Reader) -> Response:
    version = version_of(service, tenant)
    if version.prefix is None:
        raise Conflict("a rule answers for this business, and it looks at last season only: nothing drives it")
    dataset = dataset_of(service, tenant)
    if asked.store not in dataset.stores:
        raise missing("store", asked.store, dataset.stores)
    key = (version.id, service.storage.url, tenant, dataset.version, dataset.manifest.content_hash, asked)
    found = _FOUND.get(key, lambda: _explained(service, version, dataset, asked))
    return sent({"tenant": tenant, "model": version.reference, "explanations": found})


def _explained(service: Served, version: Version, dataset: Dataset, asked: ExplanationAsked) -> list[dict[str, Any]]:
    from invplat.data.assemble import build_panel
    from invplat.evaluate.explain import Setting
    from invplat.evaluate.explain import explain as drivers_of
    from invplat.model import Model
    from invplat.train.training import lead_times_for

    model = Model.of(open_bundle(service.storage, version))
    panel = build_panel(dataset, asked.store, frequency=model.preparation.frequency, after=model.spec.horizon)
    if asked.sku not in panel.skus:
        raise missing("SKU", asked.sku, panel.skus)
    ready = model.preparation.ready(panel.widened(model.spec.past), dataset)
    times = lead_times_for(model, dataset)
    setting = Setting(model, ready, () if times is None else [times] * len(ready))
    itself = asked.against == "itself"
    found = drivers_of(setting, asked.store, asked.sku, asked.cutoff, step=asked.step, itself=itself)
    return [each.to_dict() for each in found]
