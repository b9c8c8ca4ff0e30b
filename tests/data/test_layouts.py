"""Each layout's made-up fixture through the whole ingest: rows kept a table, a few rows to the letter, nothing lost."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from invplat.data.dataset import Dataset
from invplat.data.ingest import Options, ingest
from invplat.data.mapping import load_mapping
from invplat.data.sources.locate import locate
from invplat.storage import FolderStorage

LAYOUTS = sorted(path.parent for path in (Path(__file__).parent / "layouts").glob("*/expected.json"))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda path: path.name)
def test_layout(layout: Path, tmp_path: Path) -> None:
    expected = json.loads((layout / "expected.json").read_text(encoding="utf-8"))
    storage = FolderStorage(tmp_path)
    files = sorted(str(path) for path in layout.glob("*.csv"))
    sources = [(source, None) for source in locate(files)]
    options = Options(today=date(2026, 1, 1), strict=True)
    outcome = ingest(storage, "shop", load_mapping(expected["mapping"]), sources, options)
    assert outcome.counts.balanced
    assert outcome.counts.rows_quarantined == 0
    dataset = Dataset.open(storage, "shop")
    assert set(dataset.manifest.tables) == set(expected["tables"])
    for name, wanted in expected["tables"].items():
        rows = [_plain(row) for row in dataset.read(name).to_pylist()]
        assert len(rows) == wanted["kept"], name
        for row in wanted["rows"]:
            assert any(_agrees(row, other) for other in rows), (name, row, rows)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in row.items()}


def _agrees(wanted: dict[str, Any], row: dict[str, Any]) -> bool:
    """Every named value, an unknown one as null or as a column that is not there."""
    for key, value in wanted.items():
        found = row.get(key)
        if isinstance(value, int | float) and isinstance(found, int | float):
            if found != pytest.approx(value):
                return False
        elif found != value:
            return False
    return True
