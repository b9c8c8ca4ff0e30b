"""What the storage holds and the registry does not know yet: kept by an older invplat, or just before a crash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invplat.cli.output import Output
    from invplat.data.manifest import Manifest
    from invplat.registry.database import Database
    from invplat.registry.versions import Version
    from invplat.storage import Storage


def register_dataset(database: Database, manifest: Manifest) -> None:
    """The business too, where it is new."""
    from invplat.registry import audit, datasets, tenants

    tenants.ensure(database, manifest.tenant, actor=audit.person())
    datasets.register(database, datasets.DatasetVersion.of(manifest), actor=audit.person())


def register_all(output: Output, database: Database, storage: Storage, tenant: str) -> None:
    """A registered business's datasets and models; one damaged model doesn't hide the others."""
    from invplat.data.dataset import Dataset, versions
    from invplat.registry import audit, datasets
    from invplat.registry.versions import sight

    known = {one.version for one in datasets.of_tenant(database, tenant)}
    for number in versions(storage, tenant):
        if number not in known:
            made = datasets.DatasetVersion.of(Dataset.open(storage, tenant, number).manifest)
            datasets.register(database, made, actor=audit.person())
    for reference, trouble in sight(database, storage, tenant).items():
        output.note(f"{reference}: {trouble}")


def seen_models(
    output: Output, database: Database, storage: Storage, tenant: str | None
) -> tuple[list[Version], dict[str, str]]:
    """All models of a business, or the bases, and what can't be read, by reference. Of a business that is not
    registered, as after `tenant remove --keep-data`, what the storage says; nothing is registered then."""
    from invplat.core.errors import BundleRefused, Unknown
    from invplat.registry import models, tenants, versions

    try:
        if tenant is not None:
            tenants.get(database, tenant)
    except Unknown:
        names = models.names(storage, str(tenant))
        if not names:
            raise
        output.note(f"tenant {tenant} is not registered; do so with: invplat tenant add {tenant}")
        found, trouble = [], {}
        for name in names:
            for number in models.versions(storage, tenant, name):
                try:
                    found.append(versions.seen(storage, tenant, name, number))
                except BundleRefused as error:
                    trouble[f"{name}@{number}"] = error.message
        return found, trouble
    trouble = versions.sight(database, storage, tenant)
    return versions.of_tenant(database, tenant), trouble


def ensure_registered(output: Output, database: Database, storage: Storage, tenants_: Sequence[str]) -> None:
    """Businesses whose datasets are about to be learnt from."""
    from invplat.registry import audit, tenants

    for tenant in tenants_:
        tenants.ensure(database, tenant, actor=audit.person())
        register_all(output, database, storage, tenant)
