"""The plain steps of an ingest, each beside the slow way that it stands for."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from invplat.data.intake import values
from invplat.data.intake.arrow import strings
from invplat.data.intake.facts import NO_DATE, Facts
from invplat.data.intake.log import Line, to_arrow
from invplat.data.intake.merge import _copies
from invplat.data.manifest import Counts, DataFile, Manifest, TableRecord, from_json, to_json
from invplat.data.tables import TABLES

FORMATS = (*values.UNAMBIGUOUS, *values.AMBIGUOUS, "%Y-W%V-%u", "%c", "%x", "%d%%%m%%%Y", "%Y_%m_%d")
FEW = st.sampled_from([0.0, -0.0, 1.0, 2.5, float("nan")])


def _slow_day(text: str, form: str) -> int:
    try:
        return (datetime.strptime(text, form).date() - date(1970, 1, 1)).days
    except ValueError:
        return int(NO_DATE)


@given(st.dates(date(1970, 1, 1), date(2100, 1, 1)), st.sampled_from(FORMATS), st.sampled_from(FORMATS))
def test_a_text_is_looked_at_before_its_format_and_means_the_same(day: date, written: str, read: str) -> None:
    if "%V" in read:  # weeks are read in a way of their own
        return
    text = day.strftime(written)
    assert values._python_day(text, read) == _slow_day(text, read)


@given(st.text(alphabet="0123456789/-. ,_%Jan", max_size=12), st.sampled_from(values.UNAMBIGUOUS))
def test_what_is_no_date_stays_none(text: str, form: str) -> None:
    assert values._python_day(text, form) == _slow_day(text, form)


@given(st.lists(st.tuples(st.integers(0, 2), FEW, FEW), min_size=1, max_size=30))
def test_copies_are_the_rows_that_say_again_what_an_earlier_one_said(said: list[tuple[int, float, float]]) -> None:
    said.sort(key=lambda row: row[0])
    day = np.array([row[0] for row in said], np.int32)
    facts = Facts(
        TABLES["sales"],
        {
            "store": np.zeros(len(said), np.int32),
            "sku": np.zeros(len(said), np.int32),
            "date": day,
            "quantity": np.array([row[1] for row in said]),
            "price": np.array([row[2] for row in said]),
            "row": np.arange(len(said)),
        },
    )
    frame = pl.DataFrame({"day": day, "quantity": facts.arrays["quantity"], "price": facts.arrays["price"]})
    kept = frame.with_row_index().unique(subset=frame.columns, keep="first")["index"].to_list()
    found = _copies(facts, np.append(True, day[1:] != day[:-1]))
    assert found.tolist() == sorted(set(range(len(said))) - set(kept))


@given(st.lists(st.one_of(st.none(), st.text(max_size=5))))
def test_strings_are_what_arrow_makes_of_them(texts: list[str | None]) -> None:
    found = strings(texts)
    found.validate(full=True)
    assert found.equals(pa.array(texts, pa.string()))


def test_a_log_is_sorted_and_keeps_what_is_unknown() -> None:
    lines = [
        Line("sales", "b.csv", 3, "price", "x" * 300, "bad_optional", "s", "k", 10),
        Line("sales", "a.csv", 9, "date", None, "unparsable_date"),
        Line("sales", "a.csv", 2, "date", "9999999", "impossible_date", None, "k", 9_000_000),
    ]
    told = to_arrow(lines).to_pylist()
    assert [(one["file"], one["row"]) for one in told] == [("a.csv", 2), ("a.csv", 9), ("b.csv", 3)]
    assert [one["value"] for one in told] == ["9999999", None, "x" * 200]
    assert [one["date"] for one in told] == [None, None, date(1970, 1, 11)]
    assert to_arrow([]).num_rows == 0


def test_a_manifest_reads_back_as_it_was() -> None:
    file = DataFile("w/sales/s/part-00000.parquet", 3, 1, 100, "abc", "Größe", "2020-01-01", "2020-01-03")
    manifest = Manifest(
        tenant="t",
        version=1,
        parent=None,
        created="2026-01-01T00:00:00+00:00",
        code="0",
        mapping="generic",
        mapping_hash="h",
        frequency="daily",
        gaps="zero",
        known=("price",),
        counts=Counts(4, 3, 1, 0),
        tables={"sales": TableRecord(Counts(4, 3, 1, 0), ("store", "sku"), (file,))},
        rules={"sales.duplicate_row": 1},
        sources=(),
        quarantine=(file,),
        repairs=(),
        notes=("a “note”",),
    )
    text = to_json(manifest)
    assert from_json(text, "here") == manifest
    assert "Größe" in text.decode()
