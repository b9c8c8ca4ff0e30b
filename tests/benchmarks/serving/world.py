"""A made-up platform to be asked: one base, many small businesses with heads of their own, one large business.

Small ones share their history, copied under each name, and differ in their weights: what is timed is answering, not
forecasting well.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from invplat.core.settings import Settings, load_settings
from invplat.data.dataset import Dataset
from invplat.registry import aliases, datasets, keys, tenants, versions
from invplat.registry.bundle import packed
from invplat.registry.database import Database
from invplat.storage import open_storage

BIG, SMALL = "tenant-0000", "tenant-0001"
WORLD = ("--tenants", "1", "--seed", "7")
BIG_SIZE = ("--stores", "10", "--skus", "200", "--days", "400")
SMALL_SIZE = ("--stores", "2", "--skus", "10", "--days", "200")
ACTOR = "benchmark"
HEAD = ("head.says.", "head.line.", "head.usual.")  # what a shop has of its own


@dataclass(frozen=True)
class World:
    settings: Settings
    names: tuple[str, ...]  # of the small businesses
    keys: tuple[str, ...]  # of each
    series: tuple[tuple[str, str], ...]  # store and SKU, the same of each
    big_key: str

    @property
    def home(self) -> Path:
        return self.settings.home


def built(home: Path, count: int) -> World:
    """Made once under that folder."""
    settings = load_settings({"home": str(home)}, environment={}, folder=home.parent)
    done = home / "world.json"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        _make(settings, count)
    told = json.loads(done.read_text())
    if told["count"] != count:
        shutil.rmtree(home)
        return built(home, count)
    return World(
        settings,
        tuple(told["names"]),
        tuple(told["keys"]),
        tuple((store, sku) for store, sku in told["series"]),
        told["big_key"],
    )


def _make(settings: Settings, count: int) -> None:
    home = settings.home
    for name, size in ((BIG, BIG_SIZE), (SMALL, SMALL_SIZE)):
        folder = home / "files" / name
        _invplat(home, "data", "synth", *WORLD, *size, "--out", str(folder))
        _invplat(home, "data", "ingest", "--tenant", name, "--mapping", "generic", str(folder / BIG))
    learn = ("--windows", "20000", "--epochs", "2", "--spec", "past=56,horizon=28")
    _invplat(home, "train", "mlp", "--tenant", BIG, "--base", *learn)
    storage = open_storage(settings.storage_url)
    with closing(Database(settings.database_url)) as database:
        base = versions.of_tenant(database, None)[-1]
        bundle = versions.open_bundle(storage, base)
        trunk = bundle.tensors
        shared = packed({key: value for key, value in trunk.items() if not key.startswith(HEAD)})  # as finetune has it
        draw = torch.Generator().manual_seed(1)
        names = tuple(f"shop-{number:04}" for number in range(count))
        first = datasets.newest(database, SMALL)
        secrets = []
        for name in names:
            tenants.add(database, name, actor=ACTOR)
            _copied(home, name)
            datasets.register(database, replace(first, tenant=name), actor=ACTOR)
            tensors = {
                key: value + 0.01 * torch.randn(value.shape, generator=draw)
                for key, value in trunk.items()
                if key.startswith(HEAD)
            }
            documents = {
                **bundle.documents,
                "lineage": {**bundle.documents["lineage"], "donor_id": base.id},
                "preparation": {**bundle.documents["preparation"], "encoders": {}},  # names of the base's businesses
            }
            own = replace(bundle, documents=documents, weights=packed(tensors), shared=shared)
            version = versions.keep(database, storage, name, "mlp", own, donor=base.id)
            aliases.promote(database, name, "mlp", version.id, expected=None, actor=ACTOR)
            secrets.append(keys.create(database, name, actor=ACTOR)[1])
        big = keys.create(database, BIG, actor=ACTOR)[1]
    dataset = Dataset.open(storage, SMALL)
    rows = dataset.read("sales", columns=["store", "sku"]).group_by(["store", "sku"]).aggregate([])
    series = sorted(zip(rows.column("store").to_pylist(), rows.column("sku").to_pylist(), strict=True))
    told = {"count": count, "names": names, "keys": secrets, "series": series, "big_key": big}
    (home / "world.json").write_text(json.dumps(told))


def _copied(home: Path, name: str) -> None:
    source, target = (home / "storage" / "tenants" / each / "datasets" for each in (SMALL, name))
    shutil.copytree(source, target)
    for manifest in (target / "versions").glob("*.json"):
        text = manifest.read_text()
        manifest.write_text(text.replace(f'"{SMALL}"', f'"{name}"').replace(f"tenants/{SMALL}/", f"tenants/{name}/"))


def _invplat(home: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "invplat", "--home", str(home), "--quiet", *words], check=True)
