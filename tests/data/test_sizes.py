"""Bottle and pack sizes: the ways people write them, and a law for packs."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.data.sizes import millilitres, read_size

BENCH = Path(os.environ.get("INVPLAT_BENCH_DATA", Path(__file__).parents[3] / "shared" / "data")) / "bibitor_liquor"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("750mL", 750),
        ("750ml", 750),
        ("1.75L", 1750),
        (".7L", 700),
        ("0,75 l", 750),
        ("0,375 l", 375),
        ("1,000 ml", 1000),
        ("33cl", 330),
        ("5 litres", 5000),
        ("Liter", 1000),
        ("Liter 2 Pk", 2000),
        ("750mL 4 Pk", 3000),
        ("50mL 3 Pk", 150),
        ("200mL 5 Pk", 1000),
        ("375mL 2 Pk", 750),
        ("187mL 12 P", 2244),  # cut by a narrow column
        ("150ML 8PK", 1200),
        ("50mL - 20P", 1000),
        ("473mLx4pk", 1892),
        ("750mL 12 B", 9000),
        ("3/100mL", 300),
        ("6 x 330 ml", 1980),
        ("355mL x 6", 2130),
        ("750mL + 3/", 750),  # what comes free is not counted
        ("750mL + 2/50mL", 750),
        ("750mLx2 +", 1500),
        ("5 oz", 147.87),
        ("12 fl. oz.", 354.88),
        ("128oz", 3785.41),
        ("5/2 oz", 295.74),
        ("1 gal", 3785.41),
        ("1/2 gal", 1892.7),
        ("128.0 Gal", 3785.41),  # the ounces of one
        ("32.0 Quart", 946.35),
        ("16.0 Pint", 473.18),
        ("8.0 1/2 Pi", 236.59),
        ("12.8 4/5 P", 378.54),
        ("1 1/2 L", 1500),
    ],
)
def test_reads(text: str, wanted: float) -> None:
    assert millilitres(text) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "Unknown", "Special Pa", "12", "25.0", "12.0 6 Pk", "L", "0mL", "0/750mL", "500 g", "1/0 gal", None],
)
def test_what_is_no_volume_is_unknown(text: str | None) -> None:
    assert millilitres(text) is None


@given(st.text(max_size=20))
def test_any_text_is_a_positive_size_or_none(text: str) -> None:
    size = millilitres(text)
    assert size is None or size > 0


@given(st.sampled_from(["50mL", "750mL", "1.75L", "12 oz", "Liter"]), st.integers(1, 24))
def test_a_pack_holds_so_many_bottles(bottle: str, count: int) -> None:
    one = read_size(bottle)
    pack = read_size(f"{bottle} {count} Pk")
    assert one is not None
    assert pack is not None
    assert (pack.bottle, pack.count) == (one.bottle, count)
    assert pack.total == pytest.approx(one.total * count)


@pytest.mark.skipif(not BENCH.is_dir(), reason="needs the liquor retailer's files")
@pytest.mark.parametrize("name", ["purchase_prices", "sales_first100k"])
def test_agrees_with_the_retailers_own_volume(name: str) -> None:
    """Their Volume is one bottle's, or all of it for 3/100mL; ounces there are rounded to 30 mL."""
    import polars as pl

    table = pl.read_parquet(BENCH / f"{name}.parquet", columns=["Size", "Volume"])
    right = 0
    for text, volume, rows in table.group_by("Size", "Volume").len().iter_rows():
        size = read_size(text)
        known = volume not in (None, "Unknown")
        agrees = (
            known and size is not None and any(abs(x / float(volume) - 1) < 0.02 for x in (size.bottle, size.total))
        )
        right += rows if agrees or (not known and size is None) else 0
    assert right / len(table) >= 0.995
