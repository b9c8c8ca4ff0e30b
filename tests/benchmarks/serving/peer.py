"""The other side: what a team would build by hand. FastAPI and uvicorn, a torch model a business in an LRU.

As well set up as its own users would: uvloop and httptools, orjson, one torch thread, inference mode, inputs of all
series made ready when a business is loaded, keys hashed and held in memory. Processes share nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import orjson
import torch
from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel

from invplat.core.settings import load_settings
from invplat.data.dataset import Dataset
from invplat.model import Model
from invplat.registry import aliases, datasets, keys, versions
from invplat.registry.database import Database
from invplat.serve.book import panels_of
from invplat.storage import open_storage
from invplat.transfer.tenants import roomy

KEPT = 2_000  # models a process holds: all of them
torch.set_num_threads(1)


class Series(BaseModel):
    store: str
    sku: str


class Asked(BaseModel):
    series: list[Series]


class Shop:
    """A business's model, and its series as the model reads them."""

    def __init__(self, model: Model, dataset: Dataset) -> None:
        self.model, self.spec = model, model.spec
        panels = panels_of(dataset, model.preparation.frequency)
        last = max(panel.last for panel in panels)
        wide = [roomy(panel, self.spec.past, self.spec.horizon) for panel in panels]
        ready = replace(model.preparation, encoders={}).ready(wide, dataset)
        windows = model.preparation.cut(ready, self.spec, [last], targets=False, least=0)
        source = model.workload.examples(windows, model.layout)
        self.batch = source.batch(torch.arange(len(source)))
        self.inputs = model.workload.inputs(model.module, self.batch)
        skus, stores = windows.texts["sku"], windows.texts["store"]
        self.rows = {(stores[each], skus[each]): row for row, each in enumerate(windows.series.tolist())}
        self.about = {"as_of": last, "levels": list(model.spec.quantiles)}
        self.ones = [self._one(row) for row in range(len(self.rows))]

    def _one(self, row: int) -> Any:
        whole = {field.name: getattr(self.batch, field.name) for field in fields(self.batch) if field.name != "ids"}
        cut = {name: value[row : row + 1] for name, value in whole.items()}
        ids = {name: value[row : row + 1] for name, value in self.batch.ids.items()}
        return {name: value[row : row + 1] for name, value in self.inputs.items()}, replace(self.batch, **cut, ids=ids)

    @torch.inference_mode()
    def said(self, row: int) -> Any:
        inputs, batch = self.ones[row]
        return self.model.workload.predict(self.model.module(**inputs), batch, self.model.layout)


def make() -> FastAPI:
    home = Path(os.environ["PEER_HOME"])
    settings = load_settings({"home": str(home)}, environment={}, folder=home.parent)
    storage = open_storage(settings.storage_url)
    with closing(Database(settings.database_url)) as database:
        locks = {lock.digest: lock.tenant for lock in keys.locks(database).values()}
        champions = {one.tenant: one.model for one in aliases.champions(database) if one.tenant}
        found = versions.by_ids(database, champions.values())
        newest = {name: each.version for name, each in datasets.newest_of_all(database).items()}
    shops: OrderedDict[str, Shop] = OrderedDict()
    app = FastAPI()

    def shop(tenant: str) -> Shop:
        if tenant in shops:
            shops.move_to_end(tenant)
            return shops[tenant]
        model = Model.of(versions.open_bundle(storage, found[champions[tenant]]))
        shops[tenant] = Shop(model, Dataset.open(storage, tenant, newest[tenant]))
        if len(shops) > KEPT:
            shops.popitem(last=False)
        return shops[tenant]

    @app.post("/v1/tenants/{tenant}/forecasts")
    async def forecasts(tenant: str, asked: Asked, request: Request) -> Response:
        secret = request.headers.get("authorization", "").removeprefix("Bearer ")
        if locks.get(hashlib.sha256(secret.encode()).hexdigest()) != tenant:
            raise HTTPException(403)
        mine = shop(tenant)
        answer = []
        for one in asked.series:
            said = mine.said(mine.rows[(one.store, one.sku)])
            quantiles, mean = said.quantiles[0].contiguous().numpy(), said.mean[0].numpy()
            answer.append({"store": one.store, "sku": one.sku, "mean": mean, "quantiles": quantiles})
        content = {"tenant": tenant, **mine.about, "forecasts": answer}
        return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json")

    return app
