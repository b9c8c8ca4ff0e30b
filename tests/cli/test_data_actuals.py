"""Sales that came true are appended: of SKUs that nobody knows, a second time, of days that are yet to come."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Append = Callable[..., dict[str, Any]]
BEFORE = [f"berlin,milk,2026-01-{day:02d},{day}" for day in range(1, 29)]


@pytest.fixture
def append(invplat: Callable[..., Result], tmp_path: Path) -> Append:
    """What `invplat data append` says of these lines."""

    def run(command: str, *lines: str) -> dict[str, Any]:
        file = tmp_path / "sales.csv"
        file.write_text("\n".join(["store,sku,date,quantity", *lines]) + "\n")
        given = ("--tenant", "shop", "--mapping", "generic", "--today", "2026-02-03", "--json")
        ended = invplat("data", command, *given, file)
        assert ended.exit_code == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    (tmp_path / "products.csv").write_text("sku,category\nmilk,dairy\n")
    given = ("--tenant", "shop", "--mapping", "generic", "--today", "2026-02-03")
    ended = invplat("data", "ingest", *given, tmp_path / "products.csv", _sales(tmp_path))
    assert ended.exit_code == 0, ended.stderr
    return run


def _sales(folder: Path) -> Path:
    file = folder / "first.csv"
    file.write_text("\n".join(["store,sku,date,quantity", *BEFORE]) + "\n")
    return file


def test_of_a_sku_that_nobody_knows(append: Append) -> None:
    """Kept, as it was sold; and told, as somebody may have mistyped it."""
    said = append("append", "berlin,mlik,2026-01-29,3", "berlin,milk,2026-01-29,4")
    assert (said["rows_in"], said["rows_kept"], said["rows_quarantined"]) == (2, 2, 0)
    assert said["rules"]["sales.unknown_sku"] == 1


def test_twice(append: Append) -> None:
    lines = ("berlin,milk,2026-01-29,4", "berlin,milk,2026-01-30,5")
    first, again = append("append", *lines), append("append", *lines)
    assert first["changed"]
    assert again["total"]["rows_kept"] == first["total"]["rows_kept"] == len(BEFORE) + 3  # and a product
    assert again["rows_replaced"] == 2 or not again["changed"]
    corrected = append("append", "berlin,milk,2026-01-30,6")
    assert (corrected["rows_replaced"], corrected["total"]["rows_kept"]) == (1, first["total"]["rows_kept"])


def test_of_days_to_come(append: Append, invplat: Callable[..., Result]) -> None:
    said = append("append", "berlin,milk,2026-02-02,4", "berlin,milk,2026-05-01,9")
    assert (said["rows_kept"], said["rows_quarantined"]) == (1, 1)
    assert said["end"] == "2026-02-02"
    shown = invplat("data", "quarantine", "--tenant", "shop", "--json")
    assert "future_date" in shown.stdout
    assert "2026-05-01" in shown.stdout
