"""CSV as people really send it: laws by property tests, and every kind of broken file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.core.errors import SourceError
from invplat.data.mapping import Formats
from invplat.data.sources.csv import CsvSource
from invplat.data.sources.files import LocalFile
from tests.data.sources.memory import Bytes, read, source

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
