"""Which model and which data a business is answered from, as routes that explain themselves need to know it."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

from invplat.core.errors import Unknown
from invplat.data.dataset import Dataset, versions
from invplat.registry import aliases
from invplat.registry.versions import Version, by_id
from invplat.serve.routes import Served


def version_of(service: Served, tenant: str) -> Version:
    """As the service answers with it, where it says so; else the champion by the registry, its own or the base's."""
    served = getattr(service, "served", None)
    if served is not None:
        return by_id(service.database, tenant, served(tenant).version.id)
    for owner in (tenant, None):
        found = [one for one in aliases.of_tenant(service.database, owner) if one.alias == aliases.CHAMPION]
        if found:
            return by_id(service.database, tenant, max(found, key=lambda one: one.changed).model)
    raise Unknown("no model answers for this business yet")


def frequency_of(service: Served, tenant: str, dataset: Dataset) -> str:
    """That of the model which answers; of the data where none does."""
    served = getattr(service, "served", None)
    if served is None:
        return dataset.frequency
    try:
        found = served(tenant)
    except Unknown:
        return dataset.frequency
    return str(getattr(found.preparation, "frequency", None) or dataset.frequency)


def dataset_of(service: Served, tenant: str) -> Dataset:
    if not versions(service.storage, tenant):
        raise Unknown("there is no data of this business yet")
    return Dataset.open(service.storage, tenant)


def sent(content: Any) -> Response:
    """As JSON; what is no number is null."""
    return Response(
        orjson.dumps(content, default=str, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )
