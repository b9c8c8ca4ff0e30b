"""A copy of all that is kept of one business: which objects, what the registry says, and the folder they go to.

The layout is the storage's own below the business's prefix, so a copy can be put back by copying it. What its models
have from a base lies in it as well, under shared/.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invplat.core.errors import SettingRefused, StorageError

if TYPE_CHECKING:
    from invplat.registry.database import Database
    from invplat.storage import Storage

DOCUMENT = "registry.json"


def keys_of(database: Database, storage: Storage, tenant: str) -> list[str]:
    """Every object that a manifest, a bundle or a row names; leftovers of broken writers are not copied."""
    from invplat.data.dataset import Dataset, data_prefix, versions, versions_prefix
    from invplat.registry import parts, shared
    from invplat.registry import versions as models
    from invplat.registry.bundle import SEAL, read_seal

    found: dict[str, None] = {}
    for number in versions(storage, tenant):
        manifest = Dataset.open(storage, tenant, number).manifest
        found[f"{versions_prefix(tenant)}/{number:08d}.json"] = None
        files = [file for table in manifest.tables.values() for file in table.files]
        for file in (*files, *manifest.quarantine, *manifest.repairs):
            found[f"{data_prefix(tenant)}/{file.key}"] = None
    for model in models.of_tenant(database, tenant):
        if model.prefix is not None:
            seal = read_seal(storage, model.prefix)
            found |= {f"{model.prefix}/{name}": None for name in (SEAL, *(each.name for each in seal.files.values()))}
            if seal.shared is not None:  # which lies beside the businesses, and in the copy within
                found[shared.where(storage, seal.shared, model.prefix)] = None
    for shelf in (parts.PREDICTED, parts.SHADOWED, parts.ACTUAL):
        found |= {part.key: None for part in shelf.of_tenant(database, tenant)}
    return list(found)


def registry_document(database: Database, tenant: str) -> dict[str, Any]:
    from invplat.registry import aliases, audit, datasets, keys, parts, results, tenants, versions

    return {
        "tenant": asdict(tenants.get(database, tenant)),
        "datasets": [asdict(one) for one in datasets.of_tenant(database, tenant)],
        "models": [asdict(one) for one in versions.of_tenant(database, tenant)],
        "aliases": [asdict(one) for one in aliases.of_tenant(database, tenant)],
        "keys": [asdict(one) for one in keys.of_tenant(database, tenant)],
        "results": [asdict(one) for one in results.of_tenant(database, tenant)],
        "predictions": [asdict(one) for one in parts.PREDICTED.of_tenant(database, tenant)],
        "shadows": [asdict(one) for one in parts.SHADOWED.of_tenant(database, tenant)],
        "actuals": [asdict(one) for one in parts.ACTUAL.of_tenant(database, tenant)],
        "audit": [asdict(one) for one in audit.of_tenant(database, tenant, most=1_000_000)],
    }


def write_copy(
    storage: Storage,
    prefix: str,
    keys: Sequence[str],
    document: Mapping[str, Any],
    out: Path,
    told: Callable[[], None],
) -> int:
    """Whole or not at all; the bytes written."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingRefused(f"--out {out} is there and not empty", hint="name a folder that is new")
    draft = out.with_name(f".{out.name}-{secrets.token_hex(4)}")
    size = 0
    try:
        for key in keys:
            data = storage.read(key)
            path = draft / key.removeprefix(f"{prefix}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            size += path.write_bytes(data)
            told()
        draft.mkdir(parents=True, exist_ok=True)
        size += (draft / DOCUMENT).write_bytes(json.dumps(document, indent=1, ensure_ascii=False).encode())
        if out.exists():
            out.rmdir()
        os.replace(draft, out)
    except OSError as error:
        raise StorageError(f"{out} can't be written: {error.strerror or error}", hint="give another folder") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return size
