"""Packed CSV, whole and damaged."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from invplat.core.errors import SourceError
from invplat.data.sources.locate import locate


def test_cut_off_gzip(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"{number},{number * 7919 % 10007}\n" for number in range(50_000)).encode())
    (tmp_path / "sales.csv.gz").write_bytes(whole[: len(whole) // 2])
    (found,) = locate([str(tmp_path / "sales.csv.gz")])
    with pytest.raises(SourceError, match="cut off"):
        list(found.batches(found.columns()))


def test_damaged_gzip(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b"a,b\n" + bytes(range(48, 58)) * 1000 + b"\n"))
    whole[len(whole) // 2] ^= 0xFF
    for data in (bytes(whole), b"no gzip at all"):
        (tmp_path / "sales.csv.gz").write_bytes(data)
        (found,) = locate([str(tmp_path / "sales.csv.gz")])
        with pytest.raises(SourceError, match="damaged"):
            found.columns()


def test_zip_gives_each_data_member_and_never_unpacks(tmp_path: Path) -> None:
    path = tmp_path / "in" / "all.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.csv", "x,y\n1,2\n")
        archive.writestr("../../a.csv", "x,y\n3,4\n")
        archive.writestr("__MACOSX/._b.csv", "junk")
        archive.writestr("readme.md", "junk")
    found = locate([str(path)])
    assert [one.name for one in found] == [f"{path}::../../a.csv", f"{path}::b.csv"]
    assert [one.label for one in found] == ["a.csv", "b.csv"]
    assert [batch.table.to_pylist() for one in found for batch in one.batches(["x"])] == [[{"x": "3"}], [{"x": "1"}]]
    assert sorted(entry.name for entry in tmp_path.rglob("*.csv")) == []


def test_locked_zip(tmp_path: Path) -> None:
    path = tmp_path / "locked.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x,y\n1,2\n")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag that says: encrypted
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    (found,) = locate([str(path)])
    with pytest.raises(SourceError, match="locked with a password"):
        found.columns()


def test_damaged_zip(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(SourceError, match="damaged"):
        locate([str(tmp_path / "a.zip")])


def test_fingerprint_names_the_content(tmp_path: Path) -> None:
    for name, text in (("a.csv", "x\n1\n"), ("b.csv", "x\n1\n"), ("c.csv", "x\n2\n")):
        (tmp_path / name).write_text(text)
    first, same, other = (one.fingerprint() for one in locate([str(tmp_path)]))
    assert first == same != other
    assert first.startswith("xxh3:")
