"""What only an administrator may: businesses, keys, a look at the registry now, and who did what."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from invplat.core.errors import Unknown
from invplat.core.names import TENANT
from invplat.registry import audit, datasets, keys, tenants
from invplat.registry.overview import counts
from invplat.registry.tables import KEYS
from invplat.serve.auth import Admin, Doors, TenantName
from invplat.serve.routes import Service
from invplat.serve.schemas import Strict

router = APIRouter(prefix="/v1", tags=["administration"])


class TenantSaid(BaseModel):
    tenant: str = Field(examples=["corner-shop"])
    created: str
    series: int | None = Field(description="In the newest version of its data; null without data.")
    stores: int | None
    until: str | None = Field(description="The last day that is known.")
    models: int
    keys: int = Field(description="That open something.")
    jobs: int = Field(description="Under way.")


class Tenants(BaseModel):
    tenants: list[TenantSaid]


class TenantNew(Strict):
    tenant: str = Field(pattern=f"^{TENANT.pattern}$", max_length=63, examples=["corner-shop"])


class TenantMade(BaseModel):
    tenant: str
    created: str


class KeySaid(BaseModel):
    key: str = Field(description="Its id, which opens nothing.")
    tenant: str | None
    scopes: list[str]
    label: str
    created: str
    used: str | None
    revoked: str | None


class KeyMade(KeySaid):
    secret: str = Field(description="Told only now.")


class Keys(BaseModel):
    keys: list[KeySaid]


class KeyNew(Strict):
    scopes: Annotated[list[Literal["tenant:read", "tenant:write"]], Field(min_length=1, max_length=2)] = Field(
        default=["tenant:read"]
    )
    label: Annotated[str, Field(max_length=200)] = Field("", description="What it is for.")


class Reloaded(BaseModel):
    reloading: bool = Field(description="False where there is nothing to reload.")


class Deed(BaseModel):
    at: str
    actor: str
    action: str
    tenant: str | None
    subject: str
    detail: dict[str, Any] | None


class Audit(BaseModel):
    deeds: list[Deed] = Field(description="The newest first.")


def _doors(request: Request) -> Doors:
    found: Doors = request.app.state.doors
    return found


def _reload(service: Service) -> bool:
    """Look at the registry now, as far as the service can."""
    reload = getattr(service, "reload", None)
    if reload is None:
        return False
    reload()
    return True


@router.get("/tenants", summary="All businesses, and how much each has")
def listed(service: Service, caller: Admin) -> Tenants:
    count, data = counts(service.database), datasets.newest_of_all(service.database)
    found = []
    for one in tenants.listed(service.database):
        newest, has = data.get(one.name), count[one.name]
        found.append(
            TenantSaid(
                tenant=one.name,
                created=one.created,
                series=newest.series if newest else None,
                stores=newest.stores if newest else None,
                until=newest.last if newest else None,
                models=has.models,
                keys=has.keys,
                jobs=has.jobs,
            )
        )
    return Tenants(tenants=found)


@router.post("/tenants", status_code=201, summary="Register a business")
def add(asked: TenantNew, service: Service, caller: Admin) -> TenantMade:
    made = tenants.add(service.database, asked.tenant, actor=caller.actor)
    _reload(service)
    return TenantMade(tenant=made.name, created=made.created)


@router.delete(
    "/tenants/{tenant}",
    status_code=204,
    summary="Remove a business and everything that is kept of it",
    description="Its keys open nothing from the first moment on. Broken off, the same goes on.",
)
def remove(
    tenant: TenantName,
    service: Service,
    caller: Admin,
    request: Request,
    keep_data: Annotated[bool, Query(description="Leave its files in the storage.")] = False,
) -> Response:
    tenants.remove(service.database, service.storage, tenant, keep_data=keep_data, actor=caller.actor)
    _doors(request).refresh()
    _reload(service)
    return Response(status_code=204)


@router.post("/tenants/{tenant}/keys", status_code=201, summary="Make a key for a business; it is told only now")
def make_key(tenant: TenantName, asked: KeyNew, service: Service, caller: Admin, request: Request) -> KeyMade:
    key, secret = keys.create(service.database, tenant, asked.scopes, label=asked.label, actor=caller.actor)
    _doors(request).refresh()
    return KeyMade(**_said(key).model_dump(), secret=secret)


@router.get("/keys", summary="Keys of one business, or of all")
def list_keys(
    service: Service,
    caller: Admin,
    tenant: Annotated[str | None, Query(max_length=63, description="All and the administrators' if none.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Keys:
    """Revoked ones too, the newest first."""
    query = sa.select(KEYS).order_by(KEYS.c.created.desc(), KEYS.c.id).limit(limit)
    if tenant is not None:
        query = query.where(KEYS.c.tenant == tenants.get(service.database, tenant).name)
    rows = service.database.read(lambda connection: connection.execute(query).all())
    return Keys(keys=[_said(row) for row in rows])


@router.delete("/keys/{key}", summary="Take a key back, at once and for good")
def revoke(
    key: Annotated[str, Path(min_length=1, max_length=200, description="Its id.")],
    service: Service,
    caller: Admin,
    request: Request,
) -> KeySaid:
    doors = _doors(request)
    doors.refresh()
    found = doors.known(key)
    if found is None:
        raise Unknown("there is no key of this id that opens anything")
    gone = keys.revoke(service.database, found.tenant, found.key, actor=caller.actor)
    doors.refresh()
    return _said(gone)


@router.post("/reload", summary="Look at the registry now: new champions, new data, keys")
def reload(service: Service, caller: Admin, request: Request) -> Reloaded:
    _doors(request).refresh()
    return Reloaded(reloading=_reload(service))


@router.get("/audit", summary="Who did what")
def deeds(
    service: Service,
    caller: Admin,
    tenant: Annotated[str | None, Query(max_length=63, description="Of one business; of all if none.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Audit:
    database = service.database
    if tenant is None:
        found = audit.recent(database, most=limit)
    else:
        found = audit.of_tenant(database, tenants.get(database, tenant).name, most=limit)
    return Audit(deeds=[Deed(**asdict(one)) for one in found])


def _said(key: Any) -> KeySaid:
    """Of a key, or of its row; never its digest."""
    scopes = key.scopes.split() if isinstance(key.scopes, str) else list(key.scopes)
    return KeySaid(
        key=key.id,
        tenant=key.tenant,
        scopes=scopes,
        label=key.label,
        created=key.created,
        used=key.used,
        revoked=key.revoked,
    )
