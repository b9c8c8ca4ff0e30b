"""One clean and one dirty world for all tests of this room: the same businesses twice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from invplat.data.synth.world import TRUTH, make_world
from invplat.data.tables import TABLES

SIZES: dict[str, Any] = {"tenants": 5, "stores": 4, "skus": 24, "days": 500, "seed": 11}


KINDS = {"name": pl.String, "text": pl.String, "date": pl.Date, "number": pl.Float64, "flag": pl.Float64}


@dataclass(frozen=True, eq=False)
class World:
    folder: Path
    told: dict[str, Any]  # what make_world returned

    @property
    def tenants(self) -> list[str]:
        return list(self.told["tenants"])

    @cache  # noqa: B019 - the two worlds live as long as the tests
    def table(self, tenant: str, name: str) -> pl.DataFrame:
        kinds = {column.name: KINDS[column.kind] for column in TABLES[name].columns}
        return pl.read_csv(self.folder / tenant / f"{name}.csv", schema_overrides=kinds)

    @cache  # noqa: B019
    def text(self, tenant: str, name: str) -> list[list[str]]:
        lines = (self.folder / tenant / name).read_text(encoding="utf-8").removesuffix("\n").split("\n")
        return [line.split(",") for line in lines]

    def demand(self, tenant: str) -> pl.DataFrame:
        return pl.read_parquet(self.folder / TRUTH / tenant / "demand.parquet")

    def truth(self, tenant: str, name: str) -> Any:
        return json.loads((self.folder / TRUTH / tenant / f"{name}.json").read_text(encoding="utf-8"))

    def insights(self, tenant: str, kind: str) -> list[dict[str, Any]]:
        return [insight for insight in self.told["tenants"][tenant]["insights"] if insight["kind"] == kind]


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("worlds") / "clean"
    return World(folder, make_world(folder, **SIZES))


@pytest.fixture(scope="session")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("worlds") / "dirty"
    return World(folder, make_world(folder, **SIZES, dirt=True))
