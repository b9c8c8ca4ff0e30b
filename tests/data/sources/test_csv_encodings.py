"""CSV in every encoding that people send."""

from __future__ import annotations

import pytest

from invplat.core.errors import SourceError
from invplat.data.mapping import Formats
from tests.data.sources.memory import read, source


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1252", "Käse groß Müller Señor façade"),
        ("cp1250", "łódź żółw gęś świeży český"),
        ("cp1251", "молоко хлеб Москва"),
        ("cp1253", "γάλα ψωμί τυρί"),
        ("cp1254", "ığdır şeker çay İzmir soğan"),
    ],
)
def test_old_encodings_are_found(encoding: str, words: str) -> None:
    found = source(("sku,name\n" + f"1,{words}\n" * 3).encode(encoding))
    assert read(found)[0] == dict.fromkeys((2, 3, 4), ("1", words))
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"read as {encoding}: not UTF-8 at byte ")


def test_asked_encoding_counts_where_utf8_fails() -> None:
    data = "a,b\n牛乳,1\n".encode("shift_jis")
    found = source(data, Formats(encoding="shift_jis"))
    assert read(found)[0] == {2: ("牛乳", "1")}
    assert read(source("a,b\n牛乳,1\n", Formats(encoding="shift_jis")))[0] == {2: ("牛乳", "1")}


def test_unknown_encoding() -> None:
    with pytest.raises(SourceError, match="no encoding 'utf-9'"):
        source("a,b\n", Formats(encoding="utf-9")).columns()


def test_old_encoding_that_begins_late() -> None:
    data = b"a,b\n" + b"1,2\n" * 1000 + "3,für\n".encode("cp1252")
    found = source(data, block_size=500)
    rows, rejects = read(found)
    assert rows[1002] == ("3", "für")
    assert not rejects
    assert found.notes == [f"read as cp1252: not UTF-8 at byte {data.index(0xFC)}"]


def test_a_few_broken_bytes_reject_rows_not_the_file() -> None:
    lines = ["sku,name"] + [f"{number},Käse Größe" for number in range(50)]
    data = ("\n".join(lines) + "\n").encode().replace("\n7,Kä".encode(), b"\n7,K\xe4")
    for size in (60, 10_000):
        found = source(data, block_size=size)
        rows, rejects = read(found)
        assert [(reject.row, reject.reason) for reject in rejects] == [(9, "undecodable")]
        assert len(rows) == 49
        assert rows[10] == ("8", "Käse Größe")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_wide_encodings(encoding: str) -> None:
    found = source("store,quantity\nBüro,漢💶\n".encode(encoding), block_size=3)
    assert read(found)[0] == {2: ("Büro", "漢💶")}


def test_utf16_cut_in_a_letter() -> None:
    with pytest.raises(SourceError, match="not utf-16 all through"):
        read(source("a,b\n1,💶".encode("utf-16")[:-1]))
