"""A home with four businesses that are served each in another way, and a service in this process over a copy of it.

One by the base, one by last layers of its own, one by a whole net of its own, one by the seasonal naive.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import invplat
from invplat.core.settings import load_settings
from invplat.data.dataset import Dataset
from invplat.model import Model
from invplat.registry import aliases, versions
from invplat.registry.bundle import packed
from invplat.registry.database import Database
from invplat.registry.versions import Version
from invplat.serve.book import panels_of
from invplat.serve.service import Options, Service
from invplat.storage import open_storage
from invplat.transfer.gate import NAIVE
from invplat.transfer.tenants import roomy
from invplat.workload import Prediction
from tests.transfer.firms import NAMES, firms_in

BASE, LAST, WHOLE, RULE = NAMES
SHIFT = {LAST: ("head.says.", "head.line."), WHOLE: ("",)}  # beginnings of what is a business's own
_MADE: list[Path] = []


def shops_in(home: Path, factory: pytest.TempPathFactory) -> None:
    if not _MADE:
        made = factory.mktemp("shops") / "home"
        firms_in(made, factory)
        _champions(made)
        _MADE.append(made)
    shutil.copytree(_MADE[0], home)


def _champions(home: Path) -> None:
    settings = load_settings({"home": str(home)}, {})
    with closing(Database(settings.database_url)) as database:
        for seed, (name, prefixes) in enumerate(SHIFT.items()):
            moved(database, home, name, prefixes, seed)
        nothing: dict[str, str] = {}
        rule = Version(RULE, NAIVE, 1, NAIVE, None, None, 0, invplat.__version__, nothing, nothing, nothing)
        versions.register(database, [rule])
        aliases.promote(database, RULE, "mlp", rule.id, expected=None, actor="test")


def moved(
    database: Database, home: Path, tenant: str, prefixes: tuple[str, ...], seed: int, change: Any = None
) -> Version:
    """A model of its own, of the base's weights with these changed, as its champion."""
    storage = open_storage(load_settings({"home": str(home)}, {}).storage_url)
    base = versions.of_tenant(database, None)[-1]
    bundle = versions.open_bundle(storage, base)
    draw = torch.Generator().manual_seed(seed)

    def usual(value: torch.Tensor) -> torch.Tensor:
        return value + 0.05 * torch.randn(value.shape, generator=draw)

    tensors = {
        name: (change or usual)(value) if name.startswith(prefixes) and value.is_floating_point() else value
        for name, value in bundle.tensors.items()
    }
    lineage = {**bundle.documents["lineage"], "donor_id": base.id, "way": "last"}
    common = {name: tensors.pop(name) for name in list(tensors) if not name.startswith(prefixes)}
    parts = {"weights": packed(tensors), "shared": packed(common) if common else None}  # as a fine-tune keeps it
    own = replace(bundle, documents={**bundle.documents, "lineage": lineage}, **parts)
    made = versions.keep(database, storage, tenant, "mlp", own, donor=base.id)
    promoted(database, tenant, made)
    return made


def promoted(database: Database, tenant: str | None, made: Version) -> None:
    before = aliases.current(database, tenant, "mlp").get(aliases.CHAMPION)
    if before != made.id:
        aliases.promote(database, tenant, "mlp", made.id, expected=before, actor="test")


@contextmanager
def serving(home: Path, **options: Any) -> Iterator[Service]:
    settings = load_settings({"home": str(home)}, {})
    service = Service(settings, Options(**{"every": 3600.0, "journal": False, **options})).start()
    try:
        yield service
    finally:
        service.close()


def in_process(service: Service, tenant: str, end: Any = None, edit: Callable[[Any], Any] | None = None) -> Prediction:
    """What the bundle says of every series, by the steps of the platform and none of serving's; in the book's order."""
    version = service.roster.served[tenant].version
    model = Model.of(versions.open_bundle(service.storage, version))
    dataset = Dataset.open(service.storage, tenant)
    panels = panels_of(dataset, model.preparation.frequency, end=end)
    wide = [roomy(panel, model.spec.past, model.spec.horizon) for panel in panels]
    preparation = model.preparation if version.tenant else replace(model.preparation, encoders={})
    ready = preparation.ready(wide if edit is None else [edit(panel) for panel in wide], dataset)
    last = max(panel.last for panel in panels)
    windows = preparation.cut(ready, model.spec, [last], targets=False, least=0)
    return model.predict(windows, panels=ready)


def same(ours: np.ndarray[Any, Any], theirs: torch.Tensor) -> bool:
    """To a millionth of each series' largest figure: what 32 bits hold where figures of that size are added."""
    wanted = theirs.numpy()
    rows = (len(wanted), -1)
    apart, largest = np.abs(ours - wanted).reshape(rows).max(axis=1), np.abs(wanted).reshape(rows).max(axis=1)
    return bool((apart <= 1e-6 * largest + 1e-9).all())
