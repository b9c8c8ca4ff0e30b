"""Mappings: the built-in ones fit their layouts, and every slip in a TOML is one message with its remedy."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.core.errors import MappingError
from invplat.data.entry import OPTIONS, RULES
from invplat.data.intake.match import match_columns
from invplat.data.intake.plan import matches
from invplat.data.mapping import Entry, builtin_names, load_mapping, parse_mapping
from invplat.data.sources.base import Source
from invplat.data.sources.locate import locate

HERE = Path(__file__).parent / "layouts"
BENCH = Path(os.environ.get("INVPLAT_BENCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
REAL = {
    "liquor_retail": "bibitor_liquor",
    "iowa": "iowa_liquor",
    "favorita": "favorita_store_sales",
    "favorita_weekly": "favorita_store_sales/weekly_item_21stores.parquet",
    "store_item": "store_item_demand",
    "walmart": "walmart_weekly",
    "m5_long": "m5_tiny/tiny_m5.parquet",
    "vn1": "vn1_weekly",
    "vn2": "vn2",
    "e2e": "e2e_synthetic",
    "freshretail": "freshretail",
    "scms": "scms_delivery_history",
}
SALES = '[[table]]\ntable = "sales"\ncolumns = { store = "S", sku = "I", date = "D", quantity = "Q" }\n'


def fixtures() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for expected in sorted(HERE.glob("*/expected.json")):
        found.setdefault(json.loads(expected.read_text(encoding="utf-8"))["mapping"], []).append(expected.parent)
    return found


def test_every_built_in_mapping_has_a_fixture_and_says_what_it_is() -> None:
    assert set(fixtures()) == set(builtin_names())
    for name in builtin_names():
        mapping = load_mapping(name)
        assert mapping.name == name
        assert len(mapping.about) > 40


@pytest.mark.parametrize("name", builtin_names())
def test_entries_name_columns_that_the_layout_has(name: str) -> None:
    sources = [source for folder in fixtures()[name] for source in locate([str(folder)])]
    used = _used(name, sources)
    assert used == set(range(len(load_mapping(name).entries)))  # every entry has a file in the fixtures


@pytest.mark.skipif(not BENCH.is_dir(), reason="needs the public data sets")
@pytest.mark.parametrize("name", sorted(REAL))
def test_entries_name_columns_that_the_real_files_have(name: str) -> None:
    path = BENCH / REAL[name]
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    sources = locate([str(path)])
    entries = load_mapping(name).entries
    assert any(entries[number].table == "sales" for number in _used(name, sources))


def _used(name: str, sources: list[Source]) -> set[int]:
    used = set()
    for number, entry in enumerate(load_mapping(name).entries):
        for source in sources:
            if matches(entry, source.label):
                assert _lacking(entry, source) == []
                used.add(number)
    return used


def _lacking(entry: Entry, source: Source) -> list[str]:
    found, _, _ = match_columns(entry, source.columns(), source.label)
    plain = {column.lower() for column in source.columns()}
    filters = [column for column in entry.where if column.lower() not in plain]
    return [ours for ours in entry.columns if ours not in found and ours not in entry.optional] + filters


def test_a_file_pattern_does_not_reach_for_its_neighbours() -> None:
    entries = {entry.table: entry for entry in load_mapping("liquor_retail").entries if not entry.derive}
    assert matches(entries["sales"], "SalesFINAL12312016.csv.gz")
    assert not matches(entries["receipts"], "purchase_prices.csv")


def test_a_list_of_columns_and_rules_are_read() -> None:
    text = (
        '[[table]]\ntable = "sales"\nfiles = "till_*"\nwhere = { Void = false, Qty = ">0" }\nunits = { Tray = 6 }\n'
        'columns = { store = "S", sku = ["A", "B"], quantity = { column = "Q", scale = -0.5 }, unit = "U",'
        ' date = { column = "N", rule = "day_number", origin = 2024-01-01 }, rain = "R" }\nknown = "rain"\n'
    )
    (entry,) = parse_mapping(text, "t").entries
    assert entry.columns["sku"].columns == ("A", "B")
    assert entry.columns["quantity"].options == {"scale": -0.5}
    assert entry.columns["date"].options == {"origin": "2024-01-01"}
    assert (entry.files, entry.known) == (("till_*",), ("rain",))
    assert entry.where == {"Void": "false", "Qty": ">0"}
    assert entry.units == {"tray": 6.0}


def test_hash_follows_the_meaning_not_the_spelling() -> None:
    plain, spaced = parse_mapping(SALES, "a"), parse_mapping("# hello\n" + SALES.replace(" = ", "="), "a")
    assert plain.hash == spaced.hash
    assert plain.hash != parse_mapping(SALES.replace('"Q"', '"R"'), "a").hash


def test_every_rule_says_what_it_takes() -> None:
    assert set(RULES) == set(OPTIONS)


def _bad() -> Iterator[tuple[str, str, str]]:
    """A slip, a word of the message, a word of the remedy."""
    entry = SALES.replace('date = "D"', "date = {}").replace("{}", "{ %s }", 1)
    yield "table = [", "mapping t", "TOML"
    yield "table = 3", "not a list", "[[table]]"
    yield "table = [3]", "3", "[[table]]"
    yield "", "nothing about sales", "[[table]]"
    yield 'frequency = "hourly"\n' + SALES, "hourly", "daily"
    yield "frequenzy = 1\n" + SALES, "frequenzy", "frequency"
    yield SALES.replace('"sales"', '"sale"'), "sale", "sales"
    yield SALES.replace('"sales"', "[]"), "[]", "sales"
    yield SALES.replace('quantity = "Q"', 'price = "Q"'), "quantity", 'quantity = "their column"'
    yield SALES.replace('"Q"', '"I"'), "both sku and quantity", "keep one"
    yield SALES.replace('"Q"', "3"), "3", "Theirs"
    yield SALES.replace('"Q"', '["Q", "R"]'), "can't be joined", "one column"
    yield SALES + 'gap = "zero"', "gap", "gaps"
    yield SALES + 'gaps = "none"', "none", "zero, missing"
    yield SALES + "gaps = []", "gaps", "zero"
    yield SALES + 'derive = "yes"', "yes", "without quotes"
    yield SALES + 'known = ["rain"]', "rain", "columns gives"
    yield SALES + "known = 7", "7", "several"
    yield SALES + 'max_quantity = "many"', "many", "number"
    yield SALES + "outlier = nan", "nan", "number"
    yield SALES + "outlier = true", "True", "number"
    yield SALES + "units = { tray = 0 }", "tray", "number"
    yield SALES + "where = 1", "where", "where ="
    yield SALES + 'formats = { decimal = ";" }', "decimal", '","'
    yield SALES + 'formats = { decimal = ",", thousands = "," }', "both", "thousands"
    yield SALES + 'formats = { date = "dd.mm.yy" }', "dd.mm.yy", "%d.%m.%Y"
    yield SALES + 'formats = { dates = "%Y" }', "dates", "date"
    yield entry % 'column = "N", rule = "day_no", origin = "2024-01-01"', "day_no", "day_number"
    yield entry % 'column = "N", rule = "day_number"', "origin", "origin"
    yield entry % 'column = "N", rule = "day_number", origin = "1.1.2024"', "1.1.2024", "2024-01-01"
    yield entry % 'column = "N", rule = "day_number", origin = "2024-01-01", steps = 7', "steps", "step"
    yield entry % 'column = "N", rule = "days_after", after = "ordered_on"', "ordered_on", "dates here"
    yield entry % 'rule = "day_number", origin = "2024-01-01"', "names no column", "column ="
    yield entry % 'column = "N", rule = "size"', "makes a number", "numbers here"
    yield SALES.replace('"Q"', '{ column = "Q", rule = "share_out", of = "16" }'), "16", "number"
    yield SALES.replace('"Q"', '{ column = "Q", rule = "day_number", origin = "2024-01-01" }'), "makes a date", "date"
    yield SALES.replace('"S"', '{ rule = "constant" }'), "value", "same"
    yield (
        SALES + '[[table]]\ntable = "stock"\ncolumns = { store = "S", sku = "I", date = "D", onhand = "H" }',
        "onhand",
        "on_hand",
    )
    wide = '[[table]]\ntable = "sales"\ncolumns = { store = "S", sku = "I" }\nunpivot = '
    yield wide + "3", "unpivot", "unpivot ="
    yield wide + '{ into = "date", columns = ["d_*"], origin = "2024-01-01" }', "lacks `value`", "into"
    yield wide + '{ into = "date", value = "quantity", columns = ["d_*"] }', "which dates", "origin"
    yield wide + '{ into = "date", value = "quantity", origin = "2024-01-01" }', "which columns", "wildcards"
    yield wide + '{ into = "day", value = "quantity", format = "%Y" }', "day", "date"
    yield wide + '{ into = "date", value = "store", format = "%Y" }', "store", "keep one"
    yield (
        wide + '{ into = "date", value = "quantity", columns = ["d_*"], origin = "2024-01-01", step = 0 }',
        "step",
        "1",
    )


@pytest.mark.parametrize(("text", "message", "hint"), list(_bad()))
def test_a_slip_is_told_with_its_remedy(text: str, message: str, hint: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_mapping(text, "t")
    assert message in caught.value.message
    assert caught.value.hint is not None
    assert hint in caught.value.hint


def test_an_unknown_mapping_names_its_neighbour() -> None:
    with pytest.raises(MappingError) as caught:
        load_mapping("walmrt")
    assert "did you mean walmart?" in str(caught.value)


def test_a_mapping_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_bytes(b"name = '\xff\xfe'")
    with pytest.raises(MappingError, match="UTF-8"):
        load_mapping(str(file))


values = st.recursive(
    st.one_of(
        st.text(max_size=6),
        st.integers(-9, 9),
        st.floats(),
        st.booleans(),
        st.dates(),
        st.sampled_from(["sales", "date", "quantity", "Q", "constant", "day_number", "size", "%Y", "2024-01-01", ","]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["column", "rule", "origin", "after", "of", "value", "into", "format", "columns", "step", "date"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)
keys = [
    "table",
    "files",
    "formats",
    "gaps",
    "repeats",
    "derive",
    "where",
    "units",
    "known",
    "optional",
    "unpivot",
    "outlier",
]
entries = st.dictionaries(st.sampled_from(keys), values, max_size=6)
columns = st.dictionaries(
    st.sampled_from(["store", "sku", "date", "quantity", "price", "unit", "x"]), values, max_size=6
)


@given(entries, columns, st.booleans())
def test_whatever_a_mapping_says_it_is_read_or_refused(
    entry: dict[str, object], ours: dict[str, object], whole: bool
) -> None:
    base: dict[str, object] = {"store": "S", "sku": "I", "date": "D", "quantity": "Q"} if whole else {}
    lines = ["[[table]]", *(f"{key} = {_toml(value)}" for key, value in ({"table": "sales"} | entry).items())]
    lines.append(f"columns = {_toml(base | ours)}")
    try:
        mapping = parse_mapping("\n".join(lines), "t")
    except MappingError:
        return  # anything else is a fault of ours
    assert len(mapping.hash) == 16


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(MappingError):
        parse_mapping(text, "t")


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {_toml(item)}' for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool | float) else str(value)
