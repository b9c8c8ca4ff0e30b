"""From what a person writes to sources: order, names, and what is said when nothing is there."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from invplat.core.errors import SettingRefused, SourceError
from invplat.data.sources.locate import locate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("stores.csv", "sales_2.csv", "sales_1.csv", ".hidden.csv", "notes.md", "SALES_3.TSV"):
        (folder / name).write_text("a,b\n1,2\n")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "stock.csv").write_text("a,b\n1,2\n")
    for part in ("year=2024", "stock.parquet"):
        (folder / part).mkdir()
        pq.write_table(pa.table({"a": [1]}), folder / part / "part-0.parquet")
    return folder


def labels(*paths: object) -> list[str]:
    return [source.label for source in locate([str(path) for path in paths])]


def test_folder_gives_its_data_files_in_order(folder: Path) -> None:
    assert labels(folder) == [
        "SALES_3.TSV",
        "sales_1.csv",
        "sales_2.csv",
        "stock.parquet",
        "stores.csv",
        "part-0.parquet",
    ]


def test_a_folder_of_parts_is_one_table(folder: Path) -> None:
    assert labels(folder / "stock.parquet") == ["stock.parquet"]


def test_glob(folder: Path) -> None:
    assert labels(folder / "sales_*.csv", folder / "st*.csv") == ["sales_1.csv", "sales_2.csv", "stores.csv"]


def test_file_url(folder: Path) -> None:
    (folder / "with blank.csv").write_text("a,b\n")
    assert labels(f"file://{folder}/with%20blank.csv") == ["with blank.csv"]


def test_a_name_with_brackets_is_a_name_first(folder: Path) -> None:
    (folder / "sales[1].csv").write_text("a,b\n")
    assert labels(folder / "sales[1].csv") == ["sales[1].csv"]


def test_parquet_without_a_suffix(folder: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), folder / "export")
    (found,) = locate([str(folder / "export")])
    assert found.columns() == ["a"]
    assert not found.text


def test_missing_file_names_the_nearest(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no .*sales_l\.csv") as refused:
        labels(folder / "sales_l.csv")
    assert "did you mean sales_" in str(refused.value.hint)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no") as refused:
        labels(tmp_path / "nowhere" / "sales.csv")
    assert "nothing there" in str(refused.value.hint)


def test_glob_without_a_match(folder: Path) -> None:
    with pytest.raises(SourceError, match="nothing matches"):
        labels(folder / "till_*.csv")


def test_folder_without_data(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no data files"):
        labels(tmp_path)


def test_spreadsheet(folder: Path) -> None:
    (folder / "sales.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(SourceError, match="is a spreadsheet") as refused:
        labels(folder / "sales.xlsx")
    assert "CSV" in str(refused.value.hint)


def test_no_parquet(folder: Path) -> None:
    (folder / "bad.parquet").write_text("a,b\n1,2\n")
    (found,) = locate([str(folder / "bad.parquet")])
    with pytest.raises(SourceError, match="no whole Parquet file"):
        found.columns()


def test_cut_off_parquet(folder: Path) -> None:
    whole = (folder / "stock.parquet" / "part-0.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (found,) = locate([str(folder / "cut.parquet")])
    with pytest.raises(SourceError, match="no whole Parquet file"):
        list(found.batches(["a"]))


def test_damaged_pages_of_parquet(folder: Path) -> None:
    path = folder / "damaged.parquet"
    pq.write_table(pa.table({"a": [f"value {number}" for number in range(10_000)]}), path)
    data = bytearray(path.read_bytes())
    data[10:2000] = b"\xff" * 1990
    path.write_bytes(data)
    (found,) = locate([str(path)])
    with pytest.raises(SourceError, match="no whole Parquet file"):
        list(found.batches(["a"]))


def test_a_file_that_vanishes(folder: Path) -> None:
    (found,) = locate([str(folder / "stores.csv")])
    (folder / "stores.csv").unlink()
    with pytest.raises(SourceError, match="not there any more"):
        found.columns()


def test_unknown_scheme() -> None:
    with pytest.raises(SettingRefused):
        labels("gopher://shop/sales.csv")
