"""`data ingest`, `append`, `versions` and `quarantine` as people and machines see them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from invplat.data.dataset import Dataset
from invplat.storage import open_storage

Invplat = Callable[..., Result]
FIELDS = [
    "rows_in",
    "rows_kept",
    "rows_merged",
    "rows_quarantined",
    "dataset_version",
    "stores",
    "series",
    "start",
    "end",
]
SALES = "store,sku,date,quantity\nn,a,2025-01-01,1\nn,a,2025-01-01,1\nn,b,2025-01-02,-2\ns,a,soon,1\ns,a,2025-01-03,3\n"


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv"
    path.write_text(SALES)
    return path


def run(invplat: Invplat, *args: object, **options: object) -> Result:
    result = invplat("data", *args, **options)
    assert result.exit_code == 0, result.stderr
    return result


def test_json_has_what_the_readers_of_it_count_on(invplat: Invplat, sales: Path) -> None:
    result = run(invplat, "ingest", "--tenant", "corner-shop", "--mapping", "generic", sales, "--json")
    told = json.loads(result.stdout)
    assert {name: told[name] for name in FIELDS} == {
        "rows_in": 5, "rows_kept": 3, "rows_merged": 1, "rows_quarantined": 1,
        "dataset_version": 1, "stores": 2, "series": 3, "start": "2025-01-01", "end": "2025-01-03",
    }  # fmt: skip
    assert told["rows_in"] == told["rows_kept"] + told["rows_merged"] + told["rows_quarantined"]
    assert told["rules"] == {"sales.duplicate_row": 1, "sales.return": 1, "sales.unparsable_date": 1}
    assert told["tables"] == {"sales": {name: told[name] for name in FIELDS[:4]}}
    assert result.stderr == ""
    again = json.loads(run(invplat, "ingest", "--tenant", "corner-shop", sales, "--json").stdout)
    assert again["changed"] is False
    assert {name: again[name] for name in FIELDS} == {name: told[name] for name in FIELDS}


def test_append_in_json(invplat: Invplat, sales: Path) -> None:
    run(invplat, "ingest", "--tenant", "shop", sales)
    more = sales.with_name("more.csv")
    more.write_text("store,sku,date,quantity\nn,a,2025-01-01,7\nn,a,2025-02-01,7\n")
    told = json.loads(run(invplat, "append", "--tenant", "shop", more, "--json").stdout)
    assert [told[name] for name in FIELDS] == [2, 2, 0, 0, 2, 2, 3, "2025-01-01", "2025-02-01"]
    assert told["rows_replaced"] == 1
    assert told["total"] == {"rows_in": 7, "rows_kept": 4, "rows_merged": 2, "rows_quarantined": 1}
    nothing = json.loads(run(invplat, "append", "--tenant", "shop", more, "--json").stdout)
    assert (nothing["changed"], nothing["rows_in"], nothing["dataset_version"]) == (False, 0, 2)
    versions = json.loads(run(invplat, "versions", "--tenant", "shop", "--json").stdout)["versions"]
    assert [(version["dataset_version"], version["parent"]) for version in versions] == [(1, None), (2, 1)]


def test_people_see_every_figure_in_100_columns(invplat: Invplat, tmp_path: Path) -> None:
    world = tmp_path / "world"
    synth = json.loads(
        run(
            invplat,
            "synth",
            "--tenants",
            1,
            "--stores",
            3,
            "--skus",
            20,
            "--days",
            150,
            "--dirt",
            "--out",
            world,
            "--json",
        ).stdout
    )
    (tenant,) = synth["tenants"]
    result = run(
        invplat, "ingest", "--tenant", "a-shop-with-quite-a-long-name", "--today", synth["end"], world / tenant
    )
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    for name, rows in synth["tenants"][tenant]["rows"].items():
        assert any(line.split()[:2] == [name, f"{rows:,}"] for line in lines), name
    assert any(line.startswith("together") for line in lines)
    assert " stores, " in result.stdout
    assert "invplat data quarantine --tenant a-shop-with-quite-a-long-name" in result.stdout
    assert "%" not in result.stderr  # it was soon over
    assert "Traceback" not in result.stderr


def test_the_same_again_says_so(invplat: Invplat, sales: Path) -> None:
    run(invplat, "ingest", "--tenant", "shop", sales)
    again = run(invplat, "ingest", "--tenant", "shop", sales)
    assert "version 1 already holds exactly these files; nothing to do" in again.stderr
    assert "shop is at version 1" in again.stdout
    quiet = run(invplat, "ingest", "--tenant", "shop", sales, "--quiet")
    assert quiet.stderr == ""


def test_quarantine_is_listed_filtered_and_exported(invplat: Invplat, sales: Path) -> None:
    run(invplat, "ingest", "--tenant", "shop", sales)
    shown = json.loads(run(invplat, "quarantine", "--tenant", "shop", "--json").stdout)
    assert (shown["rows"], shown["shown"][0]["row"], shown["shown"][0]["value"]) == (1, 5, "soon")
    assert "soon" in run(invplat, "quarantine", "--tenant", "shop").stdout
    assert run(invplat, "quarantine", "--tenant", "shop", "--reason", "bad_name").stdout == "none\n"
    export = sales.with_name("bad.csv")
    run(invplat, "quarantine", "--tenant", "shop", "--csv", export)
    assert "unparsable_date" in export.read_text()
    repaired = json.loads(run(invplat, "quarantine", "--tenant", "shop", "--repairs", "--json").stdout)
    assert {row["reason"] for row in repaired["shown"]} == {"return", "duplicate_row"}
    wrong = invplat("data", "quarantine", "--tenant", "shop", "--reason", "bad_nam")
    assert wrong.exit_code == 2
    assert "did you mean bad_name?" in wrong.stderr


def test_from_s3_to_s3(invplat: Invplat, sales: Path, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVPLAT_STORAGE_URL", f"{s3.url}/kept")
    s3.files.pipe_file(f"{s3.url}/in/sales.csv", sales.read_bytes())
    told = json.loads(run(invplat, "ingest", "--tenant", "shop", f"{s3.url}/in/", "--json").stdout)
    assert [told[name] for name in FIELDS[:4]] == [5, 3, 1, 1]
    assert json.loads(run(invplat, "ingest", "--tenant", "shop", f"{s3.url}/in/", "--json").stdout)["changed"] is False
    more = sales.with_name("more.csv")
    more.write_text("store,sku,date,quantity\nüber/all,a,2025-02-01,7\n")
    run(invplat, "append", "--tenant", "shop", more)
    dataset = Dataset.open(open_storage(f"{s3.url}/kept"), "shop")
    assert (dataset.version, dataset.stores) == (2, ["n", "s", "über/all"])
    assert dataset.read("sales").num_rows == 4
    assert dataset.read("sales", "über/all").column("quantity").to_pylist() == [7.0]
    assert not [key for key in s3.files.find(f"{s3.url}/kept") if "scratch" in key]


def test_nobodys_dataset(invplat: Invplat) -> None:
    for command in (["append", __file__], ["versions"], ["quarantine"]):
        result = invplat("data", command[0], "--tenant", "nobody", *command[1:])
        assert result.exit_code == 2
        assert "tenant nobody has no dataset" in result.stderr
