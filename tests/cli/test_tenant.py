"""`invplat tenant`: a business comes, is looked at, lets programs in, takes its things along, and is gone."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import Result

from invplat.registry import keys, studies, tenants
from invplat.registry.database import open_database
from invplat.registry.models import keep, open_bundle
from invplat.registry.shared import forget
from invplat.storage import open_storage
from tests.registry.made import apart, bundle

SALES = "store,sku,date,quantity\nnorth,apple,2026-01-01,3\nnorth,apple,2026-01-02,4\nnorth,apple,2026-02-31,4\n"


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """One row of three is of a day that never was."""
    path = tmp_path / "sales.csv"
    path.write_text(SALES)
    return path


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_from_files_to_a_registered_business(invplat: Callable[..., Result], sales: Path) -> None:
    added = said(invplat("tenant", "add", "shop", "--data", sales, "--json"))
    assert (added["tenant"], added["dataset_version"], added["rows_kept"]) == ("shop", 1, 2)
    (row,) = said(invplat("tenant", "list", "--json"))["tenants"]
    assert (row["tenant"], row["dataset"]["rows"], row["dataset"]["last"]) == ("shop", 2, "2026-01-02")
    shown = said(invplat("tenant", "show", "shop", "--json"))
    (data,) = shown["datasets"]
    assert (data["version"], data["rows"], data["quarantined"], data["stores"]) == (1, 2, 1, 1)
    assert Path(data["manifest"]).is_file()
    assert [deed["action"] for deed in shown["audit"]] == ["dataset.add", "tenant.add"]
    text = invplat("tenant", "show", "shop").stdout
    for word in ("shop, registered", "v1", "generic", "invplat data quarantine --tenant shop"):
        assert word in text
    assert "shop" in invplat("tenant", "list").stdout


def test_ingest_and_append_register_too(invplat: Callable[..., Result], sales: Path, tmp_path: Path) -> None:
    said(invplat("data", "ingest", "--tenant", "shop", sales, "--json"))
    more = tmp_path / "more.csv"
    more.write_text(SALES.replace("apple", "pear"))
    said(invplat("data", "append", "--tenant", "shop", f"sales={more}", "--json"))
    shown = said(invplat("tenant", "show", "shop", "--json"))
    assert [(one["version"], one["parent"], one["rows"]) for one in shown["datasets"]] == [(1, None, 2), (2, 1, 4)]


def test_files_that_can_not_be_read_register_nobody(invplat: Callable[..., Result], tmp_path: Path) -> None:
    odd = tmp_path / "sales.csv"
    odd.write_text("what,is,this\n1,2,3\n")
    refused(invplat("tenant", "add", "shop", "--data", odd))
    refused(invplat("tenant", "add", "shop", "--data", tmp_path / "none.csv"))
    assert said(invplat("tenant", "list", "--json"))["tenants"] == []


def test_names_that_are_taken_or_not_allowed(invplat: Callable[..., Result], sales: Path) -> None:
    said(invplat("tenant", "add", "shop", "--json"))
    refused(invplat("tenant", "add", "shop", "--data", sales), "there is a tenant shop already")
    refused(invplat("tenant", "add", "../shop"), "is not allowed")
    for words in (("show",), ("key", "create"), ("key", "list"), ("remove", "--yes"), ("export", "--out", "x")):
        refused(invplat("tenant", *words, "shpo"), "there is no tenant 'shpo'", "did you mean shop?")
    refused(invplat("tenant", "show", "'; DROP TABLE tenants; --"), "there is no tenant")
    assert [row["tenant"] for row in said(invplat("tenant", "list", "--json"))["tenants"]] == ["shop"]


def test_a_key_is_told_once_and_opens_until_it_is_revoked(invplat: Callable[..., Result], home: Path) -> None:
    said(invplat("tenant", "add", "shop", "--json"))
    made = said(invplat("tenant", "key", "create", "shop", "--scope", "tenant:write", "--label", "till", "--json"))
    database = open_database(f"sqlite:///{home / 'invplat.db'}")
    found = keys.check(database, made["secret"])
    assert found is not None
    assert (found.id, found.tenant, found.scopes) == (made["id"], "shop", ("tenant:write",))
    listed = invplat("tenant", "key", "list", "shop", "--json")
    assert made["secret"] not in listed.stdout
    assert [key["label"] for key in said(listed)["keys"]] == ["till"]
    assert made["secret"].encode() not in (home / "invplat.db").read_bytes()
    refused(invplat("tenant", "key", "revoke", "shop", "0123456789abcdef"), "has no key")
    refused(invplat("tenant", "key", "revoke", made["id"]), "the administrators have no key")
    said(invplat("tenant", "key", "revoke", "shop", made["id"], "--json"))
    assert keys.check(database, made["secret"]) is None
    assert said(invplat("tenant", "key", "list", "shop", "--json"))["keys"][0]["revoked"]


def test_a_plain_key_is_all_that_is_printed(invplat: Callable[..., Result]) -> None:
    """So that a script can take it."""
    said(invplat("tenant", "add", "shop", "--json"))
    made = invplat("tenant", "key", "create", "shop")
    assert keys.FORM.fullmatch(made.stdout.strip())
    # The whole key may be given back; it is never repeated.
    again = invplat("tenant", "key", "revoke", "shop", made.stdout.strip())
    assert again.exit_code == 0
    assert made.stdout.strip() not in again.output


def test_an_administrator_s_key_is_no_tenant_s(invplat: Callable[..., Result]) -> None:
    said(invplat("tenant", "add", "shop", "--json"))
    made = said(invplat("tenant", "key", "create", "--json"))
    assert (made["tenant"], made["scopes"]) == (None, ["admin"])
    refused(invplat("tenant", "key", "create", "shop", "--scope", "admin"), "administrator")
    refused(invplat("tenant", "key", "create", "--scope", "tenant:read"), "administrator")
    refused(invplat("tenant", "key", "create", "shop", "--scope", "everything"), "tenant:read")
    assert [key["id"] for key in said(invplat("tenant", "key", "list", "--json"))["keys"]] == [made["id"]]
    said(invplat("tenant", "key", "revoke", made["id"], "--json"))


def test_removed_is_really_gone(invplat: Callable[..., Result], sales: Path, home: Path) -> None:
    for name in ("shop", "other"):
        said(invplat("tenant", "add", name, "--data", sales, "--json"))
        keep(open_storage(str(home / "storage")), name, "mlp", bundle(1))
        said(invplat("models", "promote", "mlp", "--tenant", name, "--json"))
    secret = said(invplat("tenant", "key", "create", "shop", "--json"))["secret"]
    refused(invplat("tenant", "remove", "shop"), "--yes")
    assert said(invplat("tenant", "remove", "shop", "--yes", "--json")) == {
        "tenant": "shop",
        "removed": True,
        "data_kept": None,
    }
    assert not (home / "storage" / "tenants" / "shop").exists()
    assert (home / "storage" / "tenants" / "other").exists()
    refused(invplat("tenant", "show", "shop"), "there is no tenant 'shop'")
    refused(invplat("models", "list", "--tenant", "shop"), "there is no tenant 'shop'")
    database = open_database(f"sqlite:///{home / 'invplat.db'}")
    assert keys.check(database, secret) is None
    assert len(said(invplat("models", "list", "--tenant", "other", "--json"))["models"]) == 1
    # The name is free again, and nothing of the one before comes back.
    said(invplat("tenant", "add", "shop", "--json"))
    shown = said(invplat("tenant", "show", "shop", "--json"))
    assert [shown[what] for what in ("datasets", "models", "aliases", "keys")] == [[], [], [], []]


def test_removed_with_its_data_kept_can_come_back(invplat: Callable[..., Result], sales: Path, home: Path) -> None:
    said(invplat("tenant", "add", "shop", "--data", sales, "--json"))
    keep(open_storage(str(home / "storage")), "shop", "mlp", bundle(1))
    kept = said(invplat("tenant", "remove", "shop", "--keep-data", "--yes", "--json"))["data_kept"]
    assert (Path(kept) / "models" / "mlp" / "00000001").is_dir()
    assert said(invplat("tenant", "list", "--json"))["tenants"] == []
    seen = invplat("models", "list", "--tenant", "shop")
    assert "mlp" in seen.stdout
    assert "not registered" in seen.stderr
    assert said(invplat("tenant", "list", "--json"))["tenants"] == [], "looking at it registers nobody"
    said(invplat("tenant", "add", "shop", "--json"))
    shown = said(invplat("tenant", "show", "shop", "--json"))
    assert ([one["rows"] for one in shown["datasets"]], [one["model"] for one in shown["models"]]) == ([2], ["mlp@1"])


def test_export_takes_everything_along(invplat: Callable[..., Result], sales: Path, home: Path, tmp_path: Path) -> None:
    for name in ("shop", "other"):
        said(invplat("tenant", "add", name, "--data", sales, "--json"))
        keep(open_storage(str(home / "storage")), name, "mlp", bundle(1))
    secret = said(invplat("tenant", "key", "create", "shop", "--json"))["secret"]
    out = tmp_path / "copy"
    told = said(invplat("tenant", "export", "shop", "--out", out, "--json"))
    files = [path for path in out.rglob("*") if path.is_file()]
    assert told["files"] == len(files)
    rows = duckdb.sql(f"SELECT sku, quantity FROM '{out}/datasets/data/*/sales/*/*.parquet' ORDER BY 2").fetchall()
    assert rows == [("apple", 3), ("apple", 4)]
    document = json.loads((out / "registry.json").read_text())
    assert document["tenant"]["name"] == "shop"
    assert [one["number"] for one in document["models"]] == [1]
    everything = b"".join(path.read_bytes() for path in files)
    assert b"other" not in everything.replace(b"another", b"")
    assert secret.encode() not in everything
    assert b"digest" not in json.dumps(document["keys"]).encode()
    refused(invplat("tenant", "export", "shop", "--out", out), "not empty")
    # Put back by copying it, it is all there again.
    said(invplat("tenant", "remove", "shop", "--yes", "--json"))
    out.rename(home / "storage" / "tenants" / "shop")
    said(invplat("tenant", "add", "shop", "--json"))
    shown = said(invplat("tenant", "show", "shop", "--json"))
    assert ([one["rows"] for one in shown["datasets"]], [one["model"] for one in shown["models"]]) == ([2], ["mlp@1"])


def test_what_a_model_shares_goes_along_and_comes_back(
    invplat: Callable[..., Result], home: Path, tmp_path: Path
) -> None:
    storage = open_storage(str(home / "storage"))
    for name in ("shop", "other"):
        said(invplat("tenant", "add", name, "--json"))
        keep(storage, name, "mlp", apart(1))
    out = tmp_path / "copy"
    said(invplat("tenant", "export", "shop", "--out", out, "--json"))
    (trunk,) = (out / "shared").iterdir()
    said(invplat("tenant", "remove", "shop", "--yes", "--json"))
    assert storage.names("shared") == [trunk.name], "it is the other's as well"
    assert open_bundle(storage, "other", "mlp") == apart(1)
    said(invplat("tenant", "remove", "other", "--yes", "--json"))
    storage.remove("shared")  # as in another storage
    out.rename(home / "storage" / "tenants" / "shop")
    said(invplat("tenant", "add", "shop", "--json"))
    forget()
    assert open_bundle(storage, "shop", "mlp") == apart(1)
    said(invplat("tenant", "export", "shop", "--out", out, "--json"))
    assert (out / "shared" / trunk.name).is_file()


def test_an_export_that_breaks_off_leaves_nothing(
    invplat: Callable[..., Result], sales: Path, home: Path, tmp_path: Path
) -> None:
    said(invplat("tenant", "add", "shop", "--data", sales, "--json"))
    next((home / "storage").rglob("sales/*/*.parquet")).unlink()
    before = sorted(tmp_path.iterdir())
    assert invplat("tenant", "export", "shop", "--out", tmp_path / "copy").exit_code != 0
    assert sorted(tmp_path.iterdir()) == before


def test_a_registry_that_is_locked_is_told_and_nothing_is_done(
    invplat: Callable[..., Result], sales: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(invplat("tenant", "add", "first", "--json"))
    monkeypatch.setenv("INVPLAT_DATABASE_PATIENCE", "0.3")
    database = open_database(f"sqlite:///{home / 'invplat.db'}")
    held, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=database.write, args=(lambda _: (held.set(), over.wait(60)),))
    thread.start()
    assert held.wait(30)
    try:
        refused(invplat("tenant", "add", "second"), "could not be used", "nothing was half written")
        assert said(invplat("tenant", "list", "--json"))["tenants"][0]["tenant"] == "first", "who reads is not kept out"
    finally:
        over.set()
        thread.join()
    assert tenants.names(database) == ["first"]


def test_a_dataset_made_while_the_registry_is_down_is_registered_by_the_same_command(
    invplat: Callable[..., Result], sales: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVPLAT_DATABASE_PATIENCE", "0.1")
    nowhere = "postgresql://postgres@127.0.0.1:1/none"
    refused(invplat("data", "ingest", "--tenant", "shop", sales, "--database-url", nowhere), "kept, but not registered")
    assert said(invplat("tenant", "list", "--json"))["tenants"] == []
    again = said(invplat("data", "ingest", "--tenant", "shop", sales, "--json"))
    assert not again["changed"]
    (row,) = said(invplat("tenant", "list", "--json"))["tenants"]
    assert row["dataset"]["version"] == 1


def test_on_postgres_and_s3_it_is_the_same(
    invplat: Callable[..., Result],
    sales: Path,
    empty_postgres: str,
    s3: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("INVPLAT_DATABASE_URL", empty_postgres)
    monkeypatch.setenv("INVPLAT_STORAGE_URL", f"{s3.url}/kept")
    said(invplat("tenant", "add", "shop", "--data", sales, "--json"))
    keep(open_storage(f"{s3.url}/kept"), "shop", "mlp", bundle(1))
    said(invplat("models", "promote", "mlp", "--tenant", "shop", "--json"))
    (row,) = said(invplat("tenant", "list", "--json"))["tenants"]
    assert (row["dataset"]["rows"], row["models"], row["champions"]) == (2, 1, ["mlp"])
    said(invplat("tenant", "export", "shop", "--out", tmp_path / "copy", "--json"))
    assert list((tmp_path / "copy").rglob("*.safetensors"))
    said(invplat("tenant", "remove", "shop", "--yes", "--json"))
    assert s3.files.find("shop/kept/tenants") == []
    refused(invplat("tenant", "show", "shop"), "there is no tenant")


# Runs commands in a Python of its own and tells which heavy packages that has imported.
LIGHT = """
import sys
from invplat.cli.main import cli
for words in (["tenant", "add", "shop"], ["tenant", "list"], ["tenant", "key", "create", "shop"], ["models", "list"]):
    try:
        cli(words)
    except SystemExit as ended:
        assert not ended.code, words
print("heavy:", [name for name in ("torch", "ray", "pandas", "polars", "optuna") if name in sys.modules])
"""


def test_these_commands_are_light() -> None:
    ended = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "heavy: []"


def test_tuning_registers_its_study(invplat: Callable[..., Result], home: Path, tmp_path: Path) -> None:
    world = tmp_path / "world"
    invplat("data", "synth", "--tenants", 1, "--stores", 2, "--skus", 6, "--days", 200, "--out", world)
    said(invplat("tenant", "add", "shop", "--data", world / "tenant-0000", "--json"))
    little = ("--trials", 2, "--epochs", 1, "--windows", 100, "--spec", "past=14,horizon=7", "--in-process")
    said(invplat("tune", "mlp", "--tenant", "shop", "--name", "spring", *little, "--json"))
    found = studies.get(open_database(f"sqlite:///{home / 'invplat.db'}"), "spring")
    assert (found.workload, found.trials) == ("mlp", 2)
    assert found.best is not None
    trained = ("train", "mlp", "--tenant", "shop", "--from", "spring", "--epochs", 1, "--windows", 100, "--json")
    said(invplat(*trained))
    assert said(invplat("models", "show", "mlp", "--tenant", "shop", "--json"))["study"] == "spring"
