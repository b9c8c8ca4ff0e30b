"""CSV as people really send it: laws by property tests, and every kind of broken file."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.core.errors import SourceError
from invplat.data.mapping import Formats
from invplat.data.sources.base import Batch, Reject
from invplat.data.sources.csv import CsvSource
from invplat.data.sources.files import LocalFile, told
from invplat.data.sources.locate import locate


class Bytes:
    """A place in memory."""

    name = label = "sales.csv"

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size: int | None = len(data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)

    def reading(self) -> Any:
        return told(self.name)

    def fingerprint(self) -> str:
        return ""


def source(data: str | bytes, formats: Formats | None = None, **settings: int) -> CsvSource:
    return CsvSource(Bytes(data.encode() if isinstance(data, str) else data), formats, **settings)


def read(found: CsvSource) -> tuple[dict[int, tuple[str | None, ...]], list[Reject]]:
    """Every row by its number, and what was rejected."""
    rows: dict[int, tuple[str | None, ...]] = {}
    rejects: list[Reject] = []
    for batch in found.batches(found.columns()):
        numbers = numbers_of(batch)
        assert len(numbers) == len(batch.table)
        rows.update(zip(numbers, (tuple(row.values()) for row in batch.table.to_pylist()), strict=True))
        rejects.extend(batch.rejects)
    return rows, rejects


def numbers_of(batch: Batch) -> list[int]:
    if batch.rows is None:
        return list(range(batch.first_row, batch.first_row + len(batch.table)))
    return [int(number) for number in batch.rows]


TEXT = st.text(
    st.sampled_from(['"', ",", ";", "\n", "\r", "a", " ", "é", "漢", "💶", "\u2028", "\ufeff", "\t"])
    | st.characters(codec="utf-8", exclude_characters="\0"),
    max_size=8,
)


@given(
    table=st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[TEXT] * width), min_size=1, max_size=12)),
    delimiter=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    size=st.integers(1, 60),
)
def test_what_python_writes_is_read_back(
    table: list[tuple[str, ...]], delimiter: str, ending: str, quoting: int, size: int
) -> None:
    if (
        ending == "\n" and quoting == csv.QUOTE_MINIMAL
    ):  # then Python leaves a carriage return unquoted, and it ends the row
        table = [tuple(cell.replace("\r", "") for cell in row) for row in table]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=ending, quoting=cast(Any, quoting))
    writer.writerow([f"column {position}" for position in range(len(table[0]))])
    writer.writerows(table)
    rows, rejects = read(source(stream.getvalue(), Formats(delimiter=delimiter), block_size=size))
    assert not rejects
    assert rows == {number: tuple(cell or None for cell in row) for number, row in enumerate(table, 2)}


def unclosed(text: str) -> bool:
    """Python itself says so only when strict, and then objects to more; a probe behind the end tells."""
    return list(csv.reader(io.StringIO(text + "\nprobe,probe", newline="")))[-1] != ["probe", "probe"]


@given(body=st.text(st.sampled_from('ab,"\n\r'), max_size=60), size=st.integers(1, 30))
def test_stray_quotes_and_ragged_lines_are_judged_as_python_judges_them(body: str, size: int) -> None:
    text = "x,y\n" + body
    expected: dict[int, tuple[str | None, ...]] = {}
    wrong: list[int] = []
    for number, cells in enumerate(csv.reader(io.StringIO(text, newline="")), 1):
        if len(cells) == 2 and number > 1:
            expected[number] = tuple(cell or None for cell in cells)
        elif cells and number > 1:
            wrong.append(number)
    found = source(text, Formats(delimiter=","), block_size=size)
    if unclosed(text):
        with pytest.raises(SourceError, match="never closed"):
            read(found)
        return
    rows, rejects = read(found)
    assert rows == expected
    assert [reject.row for reject in rejects] == wrong


def test_rejects_keep_true_row_numbers_across_blank_lines_and_blocks() -> None:
    text = 'a,b\n1,2\n\n3\n"x\ny",4\n5,6,7\n\r\n8,9\n'
    for size in (1, 5, 1000):
        rows, rejects = read(source(text, block_size=size))
        assert rows == {2: ("1", "2"), 5: ("x\ny", "4"), 8: ("8", "9")}
        assert [(reject.row, reject.reason, reject.text) for reject in rejects] == [
            (4, "wrong_field_count", "3"),
            (6, "wrong_field_count", "5,6,7"),
        ]


def test_blocks_larger_than_a_threads_share_keep_numbers() -> None:
    lines = [f"{number},{'z' * (number % 50)}" for number in range(100_000)]
    lines[77_777] = "one field only"
    rows, rejects = read(source("\n".join(["n,text", *lines])))
    assert [reject.row for reject in rejects] == [77_779]
    assert len(rows) == 99_999
    assert all(int(str(row[0])) == number - 2 for number, row in rows.items())


def test_a_record_longer_than_a_threads_share() -> None:
    long = "y\n" * (1 << 20)
    rows, _ = read(source(f'a,b\n1,"{long}"\n2,x\n'))
    assert rows == {2: ("1", long), 3: ("2", "x")}


# Headers


@pytest.mark.parametrize("data", ["", "\n\n", "\ufeff", "\r\n"])
def test_empty_file(data: str) -> None:
    with pytest.raises(SourceError, match=r"sales\.csv is empty"):
        source(data).columns()


@pytest.mark.parametrize("data", ["a,b", "a,b\n", "a,b\r\n\r\n"])
def test_header_only(data: str) -> None:
    assert source(data).columns() == ["a", "b"]
    assert list(source(data).batches(["a"])) == []


def test_header_is_trimmed_and_named() -> None:
    found = source("\ufeff store , ,sku\n1,2,3\n")
    assert found.columns() == ["store", "column_2", "sku"]
    assert read(found)[0] == {2: ("1", "2", "3")}


def test_header_below_blank_lines_and_excels_hint() -> None:
    assert read(source("\n\nsep=;\na;b\n1;2\n"))[0] == {5: ("1", "2")}


def test_header_with_a_newline_in_a_quoted_name() -> None:
    found = source('store;"price\nper unit";sku\n1;2;3\n')
    assert found.columns() == ["store", "price\nper unit", "sku"]
    assert read(found)[0] == {2: ("1", "2", "3")}


def test_repeated_header() -> None:
    with pytest.raises(SourceError, match="more than one column named 'a', 'c'"):
        source("a,b,a,c,c\n1,2,3,4,5\n").columns()


# Delimiters


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(delimiter: str) -> None:
    text = 'a|b|c\n1,5|"x;|y"|3\n2,5|z|4\n'.replace("|", delimiter).replace(",5", ".5" if delimiter == "," else ",5")
    assert source(text).columns() == ["a", "b", "c"]


def test_wrong_delimiter_says_the_right_one() -> None:
    with pytest.raises(SourceError, match="not divided by a semicolon") as refused:
        source("a,b\n1,2\n", Formats(delimiter=";")).columns()
    assert 'delimiter = ","' in str(refused.value.hint)


def test_delimiter_of_two_letters() -> None:
    with pytest.raises(SourceError, match="can't divide"):
        source("a,b\n", Formats(delimiter="||")).columns()


def test_formats_can_be_set_after_opening() -> None:
    found = source("a,b;c\n1,2;3\n").with_formats(Formats(delimiter=";"))
    assert found.columns() == ["a,b", "c"]


# Encodings


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


# What is no CSV


@pytest.mark.parametrize(
    ("head", "looks"),
    [
        (b"PK\x03\x04", "Excel"),
        (b"\xd0\xcf\x11\xe0", "Excel"),
        (b"\x89PNG", "picture"),
        (b"%PDF-1.7", "PDF"),
        (b"a,b\n\0\1\2", "binary"),
    ],
)
def test_other_kinds_of_file(head: bytes, looks: str) -> None:
    with pytest.raises(SourceError, match=looks) as refused:
        source(head + b"\0 rest").columns()
    assert "CSV" in str(refused.value.hint)


class Endless(io.RawIOBase):
    """A line that never ends, counting what was read of it."""

    def __init__(self, head: bytes, fill: bytes = b"x") -> None:
        self.head = head
        self.fill = fill
        self.given = 0

    def readinto(self, room: Any) -> int:
        size = len(room)
        room[:] = (self.head + self.fill * size)[:size]
        self.head = self.head[size:]
        self.given += size
        return size

    def readable(self) -> bool:
        return True


@pytest.mark.parametrize("head", [b"", b"a,b\n1,2\n3,"])
def test_an_endless_line_is_given_up_early(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Bytes(b"")
    opened: list[Endless] = []

    def endless() -> Endless:
        opened.append(Endless(head))
        return opened[-1]

    monkeypatch.setattr(place, "open", endless)
    with pytest.raises(SourceError, match=r"row \d is longer than 64 MB"):
        list(CsvSource(place).batches(["a"]))
    assert sum(stream.given for stream in opened) < 80 << 20


def test_two_gigabyte_line(tmp_path: Path) -> None:
    path = tmp_path / "one-line.csv"
    with path.open("wb") as stream:
        stream.write(b"a,b\n1,2\n")
        stream.seek(2 << 30)
        stream.write(b"x")
    with pytest.raises(SourceError):
        list(CsvSource(LocalFile(path)).batches(["a"]))


def test_unclosed_quote_names_the_row_where_it_opened() -> None:
    text = "a,b\n" + "1,2\n" * 10 + '3,"oops\n' + "4,5\n" * 1000
    for size in (50, 1 << 20):
        with pytest.raises(SourceError, match="a quote opened in row 12 is never closed"):
            read(source(text, block_size=size))


def test_unclosed_quote_is_noticed_before_the_whole_file_is_in_memory() -> None:
    text = 'a,b\n3,"oops\n' + "4,5\n" * 100_000
    with pytest.raises(SourceError, match="a quote opened in row 2"):
        read(source(text, block_size=1000, longest=50_000))


# Packed files


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
