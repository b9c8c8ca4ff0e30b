"""A made-up business behind the API's addresses, to try the page without a model: 5,000 items, nasty names.

Every answer goes through the models of the true API, so the two can't drift apart unnoticed.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from invplat.serve.app import ROUTES
from invplat.serve.console import router
from invplat.serve.described import describe
from invplat.serve.job_view import Jobs, JobSaid
from invplat.serve.kpi_schemas import Kpis
from invplat.serve.order_schemas import Orders, OrdersAsked
from invplat.serve.routes.accuracy import Accuracy
from invplat.serve.routes.history import History, SeriesList
from invplat.serve.routes.insights import Insights
from invplat.serve.routes.me import Me
from invplat.serve.routes.model import ModelSaid
from invplat.serve.schemas import Forecasts, ForecastsAsked

from .lately import QUIET, watched
from .shop import CATEGORIES, HORIZON, ITEMS, LEVELS, STORES, TODAY, Shop, fan, past

PLANNER, READER, ADMIN, BARE = "ip_planner_key", "ip_reader_key", "ip_admin_key", "ip_bare_key"
WORDS = ("Oat milk", "Rye bread", "Sponge <3", "Crisps", "Cider", "Peas & mint", "Kibble")
PRICELESS = STORES[3]
TENANT, EMPTY = "corner-shop", "just-begun"
MADE_UP = json.loads(Path(__file__).with_name("made_up.json").read_text())
OWN, INSIGHTS = MADE_UP["model"], MADE_UP["insights"]
MODEL = {"reference": "mlp@4", "base": False, "workload": "mlp", "way": "head"}


class Problem(Exception):
    def __init__(self, status: int, title: str, detail: str = "", **headers: str) -> None:
        self.status, self.title, self.detail, self.headers = status, title, detail, headers


def fake(steps: float = 0.35) -> FastAPI:
    """`steps`: seconds that a fine-tune stays queued, and then learns. `app.state.fail`: what the next answers are."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(router)
    shop = Shop()
    app.state.fail = []  # (status, headers), used up one by one
    app.state.accuracy = watched(shop)
    app.state.asked = []  # bodies of POSTs, in order
    jobs: dict[str, tuple[float, str]] = {}
    named = {"tenant": TENANT, "dataset": 7, "frequency": "daily"}

    @app.exception_handler(Problem)
    async def told(request: Request, error: Problem) -> JSONResponse:
        body = {"title": error.title, "status": error.status, "detail": error.detail or error.title}
        return JSONResponse(body, error.status, error.headers, "application/problem+json")

    def who(request: Request) -> str:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key not in (PLANNER, READER, ADMIN, BARE):
            raise Problem(401, "no such key")
        if app.state.fail and not request.url.path.endswith(("/series", "/accuracy")):  # which the page can do without
            status, headers = app.state.fail.pop(0)
            raise Problem(status, "not now", **headers)
        return key

    def of(tenant: str, key: str = Depends(who)) -> str:
        if tenant not in (TENANT, EMPTY) or ((key == BARE) != (tenant == EMPTY) and key != ADMIN):
            raise Problem(403, "this key is of another business")
        return tenant

    @app.get("/openapi.json")
    def described() -> dict[str, Any]:
        whole = FastAPI(title="invplat", version="1")
        for each in ROUTES:
            whole.include_router(each.router)
        describe(whole)
        return whole.openapi()

    @app.get("/v1/me")
    def me(key: str = Depends(who)) -> Me:
        scopes = {READER: ["tenant:read"], ADMIN: ["admin"]}.get(key, ["tenant:read", "tenant:write"])
        return Me(tenant={ADMIN: None, BARE: EMPTY}.get(key, TENANT), scopes=scopes, key="0f3a9c1e5b7d2468")

    @app.get("/v1/tenants")
    def tenants(key: str = Depends(who)) -> dict[str, Any]:
        return {"tenants": [{"tenant": TENANT}, {"tenant": EMPTY}]}

    @app.post("/v1/tenants/{tenant}/orders")
    def orders(asked: OrdersAsked, tenant: str = Depends(of)) -> Response:
        app.state.asked.append(("orders", asked.model_dump(exclude_unset=True)))
        rows: list[int] = list(range(ITEMS)) if asked.series is None else [_row(shop, one) for one in asked.series]
        if asked.what_if and asked.what_if.price_change and asked.series and asked.series[0].store == PRICELESS:
            raise Problem(422, "not possible", "a price ahead is not among what is known of this business's future")
        terms, plan = asked.defaults.model_dump(), asked.what_if.model_dump() if asked.what_if else None
        made = [shop.order(row, terms, plan) for row in (rows if tenant == TENANT else [])]
        totals = {
            "items": len(made),
            "orders": sum(one["order"] > 0 for one in made),
            "units": sum(one["order"] for one in made),
            "value": sum(one["order_value"] or 0 for one in made),
            "money_at_risk": sum(one["money_at_risk"] or 0 for one in made),
            "exceptions": {},
            "budget": None,
            "spent": None,
        }
        notes = [
            "lead times are from receipts where there are some, else 7 days",
            "prices of 2 % of items are not known",
        ]
        return _sent(
            Orders, {**named, "model": MODEL, "as_of": TODAY, "orders": made, "totals": totals, "notes": notes}
        )

    @app.post("/v1/tenants/{tenant}/forecasts")
    def forecasts(asked: ForecastsAsked, tenant: str = Depends(of)) -> Response:
        plan = asked.what_if.model_dump() if asked.what_if else None
        dates = [TODAY + timedelta(days=1 + day) for day in range(HORIZON)]
        if asked.by == "category":
            groups: dict[str | None, list[int]] = {}
            for row, (_, _, category) in enumerate(shop.names if tenant == TENANT else []):
                groups.setdefault(category, []).append(row)
            said = []
            for name, rows in groups.items():
                mean = np.sum([shop.mean(row, None) for row in rows], axis=0).tolist()
                said.append({"group": name, "series": len(rows), "mean": mean, "quantiles": fan(mean, 0.09)})
        else:
            said = []
            for one in asked.series or []:
                mean = shop.mean(_row(shop, one), plan)
                said.append({"store": one.store, "sku": one.sku, "mean": mean, "quantiles": fan(mean, 0.38)})
        body = {**named, "model": MODEL, "as_of": TODAY, "dates": dates, "levels": LEVELS, "forecasts": said}
        return _sent(Forecasts, body)

    @app.get("/v1/tenants/{tenant}/history")
    def history(store: str, sku: str, periods: int = 180, tenant: str = Depends(of)) -> Response:
        row = shop.rows.get((store, sku))
        if row is None:
            raise Problem(404, "not there", f"store {store!r} has no SKU {sku!r}")
        return _sent(History, {"store": store, "sku": sku, "frequency": "daily", **past(shop, row, periods)})

    @app.get("/v1/tenants/{tenant}/series")
    def series(tenant: str = Depends(of)) -> Response:
        known = enumerate(shop.names if tenant == TENANT else [])
        found = [
            {"store": store, "sku": sku, "category": category, "name": WORDS[row % 7] if row % 3 else None}
            for row, (store, sku, category) in known
        ]
        return _sent(SeriesList, {"count": len(found), "series": found})

    @app.get("/v1/tenants/{tenant}/kpis")
    def kpis(by: str = "total", tenant: str = Depends(of)) -> Response:
        rng = np.random.default_rng(3)
        groups = [None] if by == "total" else [*CATEGORIES, None]
        rows = [_kpi(group, rng, total=by == "total") for group in (groups if tenant == TENANT else [])]
        body = {
            "tenant": tenant,
            "dataset": 7,
            "by": by,
            "first": "2026-05-11",
            "last": TODAY,
            "days": 91,
            "holding_rate": 0.25,
        }
        return _sent(Kpis, {**body, "kpis": rows, "notes": []})

    @app.get("/v1/tenants/{tenant}/insights")
    def insights(tenant: str = Depends(of)) -> Response:
        found = INSIGHTS if tenant == TENANT else [{**one, "sentence": "", "rows": []} for one in INSIGHTS]
        return _sent(Insights, {"tenant": tenant, "version": 7, "as_of": TODAY.isoformat(), "insights": found})

    @app.get("/v1/tenants/{tenant}/accuracy")
    def accuracy(tenant: str = Depends(of)) -> Response:
        return _sent(Accuracy, {"tenant": tenant, **(app.state.accuracy if tenant == TENANT else QUIET)})

    @app.get("/v1/tenants/{tenant}/model")
    def model(tenant: str = Depends(of)) -> Response:
        if tenant == EMPTY:
            return _sent(
                ModelSaid, {**OWN, "reference": "mlp@2", "base": True, "way": None, "verdict": None, "versions": []}
            )
        done = any(_state(began, steps) == "done" for began, _ in jobs.values())
        return _sent(ModelSaid, {**OWN, "reference": "mlp@5" if done else "mlp@4"})

    @app.get("/v1/tenants/{tenant}/jobs")
    def listed(tenant: str = Depends(of)) -> Response:
        return _sent(Jobs, {"jobs": [_job(name, *job, steps) for name, job in reversed(jobs.items())]})

    @app.post("/v1/tenants/{tenant}/finetunes", status_code=202)
    def finetunes(asked: dict[str, Any], tenant: str = Depends(of)) -> Response:
        app.state.asked.append(("finetunes", asked))
        name = f"1f0c9a2b3d4e5f6{len(jobs)}"
        jobs[name] = (time.monotonic(), tenant)
        return _sent(JobSaid, _job(name, *jobs[name], steps), 202)

    @app.get("/v1/jobs/{job}")
    def job(job: str, key: str = Depends(who)) -> Response:
        return _sent(JobSaid, _job(job, *jobs[job], steps))

    return app


def _row(shop: Shop, one: Any) -> int:
    if (one.store, one.sku) not in shop.rows:
        raise Problem(404, "not there", f"store {one.store!r} has no SKU {one.sku!r}")
    return shop.rows[one.store, one.sku]


def _sent(shape: Any, body: dict[str, Any], status: int = 200) -> Response:
    return Response(shape.model_validate(body).model_dump_json(), status, media_type="application/json")


def _kpi(group: str | None, rng: Any, total: bool) -> dict[str, Any]:
    sales = float(rng.uniform(20_000, 90_000)) * (8 if total else 1)
    return {
        "group": group,
        "series": 5000 if total else 625,
        "sales_units": sales / 3,
        "sales_money": sales,
        "cost_of_sales": sales * 0.62,
        "stock_known": 600,
        "stock_units": sales / 9,
        "stock_value": sales / 5,
        "turnover": float(rng.uniform(6, 21)),
        "days_of_supply": 20.0,
        "holding_cost": sales * 0.012,
        "service_level": float(rng.uniform(0.91, 0.995)),
        "fill_rate": 0.96,
        "stockout_days": float(int(rng.uniform(40, 900))),
        "lost_units": 200.0,
        "lost_money": None if group == "Bakery" else float(rng.uniform(200, 5000)) * (6 if total else 1),
    }


def _state(began: float, steps: float) -> str:
    since = time.monotonic() - began
    return "queued" if since < steps else "running" if since < 2 * steps else "done"


def _job(name: str, began: float, tenant: str, steps: float) -> dict[str, Any]:
    state = _state(began, steps)
    over = state == "done"
    result = {
        "tenant": tenant,
        "state": state,
        "way": "head" if over else None,
        "model": "mlp@5" if over else None,
        "serves": "candidate" if over else None,
        "error_before": 0.312 if over else None,
        "error_after": 0.287 if over else None,
        "reason": OWN["verdict"]["reason"] if over else "",
        "notes": [],
        "seconds": 4.2 if over else None,
    }
    return {
        "job": name,
        "kind": "finetune",
        "state": state,
        "stopping": False,
        "created": "2026-08-10T06:41:00+00:00",
        "started": None,
        "ended": None,
        "seconds": None if state == "queued" else 4.2,
        "message": "",
        "asked": {},
        "own": True,
        "tenants": 1,
        "done": int(over),
        "failed": 0,
        "left": int(not over),
        "results": [result],
    }
