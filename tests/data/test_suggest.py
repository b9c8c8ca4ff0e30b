"""Suggestions: made-up files of many habits, each recognised for what it is or left open aloud."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invplat.core.errors import MappingError, SourceError
from invplat.data.mapping import Mapping, parse_mapping
from invplat.data.proposal.synonyms import likeness, synonyms, words
from invplat.data.sources.locate import locate
from invplat.data.suggest import Suggestion, suggest

LAYOUTS = sorted(path.parent for path in (Path(__file__).parent / "layouts").glob("*/expected.json"))
GERMAN = """Datum;Filiale;Artikelnr;Bezeichnung;Menge;Preis;Warengruppe;Umsatz
31.01.2024;Nord;100;Brot;3;1,99;Backwaren;5,97
01.02.2024;Nord;101;Milch;12;0,89;Molkerei;10,68
02.02.2024;Süd;100;Brot;1;1.001,99;Backwaren;1,99
"""


def looked(folder: Path, **files: str) -> Suggestion:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return suggest(locate([str(folder)]))


def mapped(suggestion: Suggestion) -> Mapping:
    assert suggestion.complete, suggestion.toml
    return parse_mapping(suggestion.toml, "suggested")


def theirs(mapping: Mapping, table: str) -> dict[str, tuple[str, ...]]:
    entry = next(entry for entry in mapping.entries if entry.table == table)
    return {ours: source.columns for ours, source in entry.columns.items()}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda path: path.name)
def test_a_known_layout_is_its_built_in_mapping(layout: Path) -> None:
    wanted = json.loads((layout / "expected.json").read_text(encoding="utf-8"))["mapping"]
    suggestion = suggest(locate([str(path) for path in sorted(layout.glob("*.csv"))]))
    assert suggestion.builtin == wanted
    assert mapped(suggestion).name == wanted
    assert any(f"--mapping {wanted}" in line for line in suggestion.lines)


def test_a_german_till(tmp_path: Path) -> None:
    mapping = mapped(looked(tmp_path, kasse=GERMAN))
    assert theirs(mapping, "sales") == {
        "store": ("Filiale",),
        "sku": ("Artikelnr",),
        "date": ("Datum",),
        "quantity": ("Menge",),  # and not Umsatz, which is money
        "price": ("Preis",),
    }
    assert theirs(mapping, "products") == {
        "sku": ("Artikelnr",),
        "name": ("Bezeichnung",),
        "category": ("Warengruppe",),
    }
    sales, products = mapping.entries
    assert (sales.formats.date, sales.formats.decimal, sales.formats.thousands) == (("%d.%m.%Y",), ",", ".")
    assert products.derive
    assert mapping.frequency == "daily"


@pytest.mark.parametrize(
    "header",
    [
        "Sucursal,Producto,Fecha,Unidades,Precio",
        "Magasin,Article,Jour,Quantité,Prix",
        "shop_id,item_nbr,day,units_sold,unit_price",
        "StoreNumber,SKU Code,SalesDate,SalesQuantity,SalesPrice",
        "Negozio,Prodotto,Data,Quantità,Prezzo",
    ],
)
def test_names_in_several_languages(tmp_path: Path, header: str) -> None:
    rows = "".join(f"A,x{day % 3},2024-01-{day:02},{day % 5},{day / 10}\n" for day in range(1, 20))
    mapping = mapped(looked(tmp_path, file=f"{header}\n{rows}"))
    store, sku, date, quantity, price = header.split(",")
    assert theirs(mapping, "sales") == {
        "store": (store,), "sku": (sku,), "date": (date,), "quantity": (quantity,), "price": (price,)
    }  # fmt: skip


def test_dates_that_may_be_either_stay_open(tmp_path: Path) -> None:
    suggestion = looked(tmp_path, a="Shop,Item,Date,Units\nA,1,01/02/2024,3\nA,1,02/02/2024,4\n")
    assert not suggestion.complete
    assert '# formats = { date = ["%d/%m/%Y"] } # ? %d/%m/%Y or %m/%d/%Y' in suggestion.toml
    assert any(line.strip().startswith("?") and "%m/%d/%Y" in line for line in suggestion.lines)


def test_one_late_day_settles_them(tmp_path: Path) -> None:
    mapping = mapped(looked(tmp_path, a="Shop,Item,Date,Units\nA,1,01/02/2024,3\nA,1,01/22/2024,4\n"))
    assert mapping.entries[0].formats.date == ("%m/%d/%Y",)


def test_wide_by_date(tmp_path: Path) -> None:
    text = "Loja,Produto,Marca,2024-01-01,2024-01-08,2024-01-15,2024-01-22\na,1,m,3,4,,6\na,2,m,1,0,5,6\n"
    mapping = mapped(looked(tmp_path, a=text))
    (sales, *_) = mapping.entries
    assert sales.unpivot is not None
    assert (sales.unpivot.into, sales.unpivot.value, sales.unpivot.format) == ("date", "quantity", "%Y-%m-%d")
    assert theirs(mapping, "sales") == {"store": ("Loja",), "sku": ("Produto",)}
    assert mapping.frequency == "weekly"


def test_wide_by_number_asks_for_the_first_day(tmp_path: Path) -> None:
    suggestion = looked(tmp_path, a="shop,article,W1,W2,W3,W4\na,x,1,2,3,4\n")
    assert not suggestion.complete
    assert "# origin = ?" in suggestion.toml
    mended = suggestion.toml.replace("# origin = ?", 'origin = "2024-01-01"')
    unpivot = parse_mapping(mended, "m").entries[0].unpivot
    assert unpivot is not None
    assert (unpivot.columns, unpivot.step) == (("W[0-9]*",), 7)


def test_sums_of_money_are_not_taken_for_units(tmp_path: Path) -> None:
    suggestion = looked(tmp_path, a="Date,Store,Article,Revenue\n2024-01-31,A,b,3.5\n2024-02-29,A,b,4.5\n")
    assert not suggestion.complete
    assert "# quantity = ? # only sums of money are left: Revenue" in suggestion.toml
    with pytest.raises(MappingError, match="quantity"):
        parse_mapping(suggestion.toml, "m")


def test_what_nobody_can_tell_is_listed_with_its_candidates(tmp_path: Path) -> None:
    suggestion = looked(tmp_path, a="k1,k2,when,n1,n2\na,x,2024-01-01,3,4\nb,y,2024-01-02,4,5\n")
    assert not suggestion.complete
    for line in ("# store = ?", "# sku = ?", "# quantity = ?"):
        assert line in suggestion.toml
    assert any("n1, n2" in line for line in suggestion.lines)
    assert 'date = "when" # 60 %, the only column of dates' in suggestion.toml


def test_few_shops_and_many_articles_tell_them_apart(tmp_path: Path) -> None:
    rows = "".join(f"s{n % 2},a{n},2024-01-{n:02},{n}\n" for n in range(1, 20))
    suggestion = looked(tmp_path, a=f"k1,k2,when,n\n{rows}")
    assert theirs(mapped(suggestion), "sales") == {
        "store": ("k1",),
        "sku": ("k2",),
        "date": ("when",),
        "quantity": ("n",),
    }
    assert any("k1" in line and "please check" in line for line in suggestion.lines)


def test_a_single_shop_is_said_aloud(tmp_path: Path) -> None:
    suggestion = looked(tmp_path, a="date,item,units\n2024-01-01,a,3\n2024-01-02,b,4\n")
    store = mapped(suggestion).entries[0].columns["store"]
    assert (store.rule, store.options) == ("constant", {"value": "main"})
    assert any("store main" in line and "please check" in line for line in suggestion.lines)


@pytest.mark.parametrize(("step", "wanted"), [(1, "daily"), (7, "weekly"), (30, "monthly")])
def test_frequency_is_the_distance_of_dates(tmp_path: Path, step: int, wanted: str) -> None:
    from datetime import date, timedelta

    days = [date(2024, 1, 1) + timedelta(days=step * n) for n in range(10)]
    suggestion = looked(tmp_path, a="shop,item,date,units,promo\n" + "".join(f"a,b,{day},1,0\n" for day in days))
    assert mapped(suggestion).frequency == wanted


def test_files_of_one_shape_share_an_entry_and_others_find_their_tables(tmp_path: Path) -> None:
    mapping = mapped(
        looked(
            tmp_path,
            till_01="Filiale,EAN,Artikelnr,Datum,Menge\nA,40001,7,2024-01-01,2\n",
            till_02="Filiale,EAN,Artikelnr,Datum,Menge\nB,40002,8,2024-01-02,1\n",
            artikel="EAN,Artikelnr,Bezeichnung,Warengruppe,EK\n40001,7,Brot,Back,1.5\n",
            wareneingang="Filiale,Artikelnr,Bestelldatum,Lieferdatum,Menge,Lieferant\nA,7,2024-01-01,2024-01-04,9,Mill\n",
            bestand="Filiale,Artikelnr,Stichtag,Bestand\nA,7,2024-01-01,4\n",
        )
    )
    assert {entry.table: entry.files for entry in mapping.entries} == {
        "sales": ("till_01.csv", "till_02.csv"),
        "products": ("artikel.csv",),
        "receipts": ("wareneingang.csv",),
        "stock": ("bestand.csv",),
    }
    assert theirs(mapping, "products")["sku"] == ("Artikelnr",)  # as in sales, not the EAN
    assert theirs(mapping, "receipts")["received_on"] == ("Lieferdatum",)
    assert theirs(mapping, "stock")["on_hand"] == ("Bestand",)


def test_flags_in_words_and_discounts_in_per_cent(tmp_path: Path) -> None:
    rows = "".join(f"a,b,2024-01-{n:02},1,{'yes' if n % 2 else 'no'},{n}\n" for n in range(1, 20))
    columns = mapped(looked(tmp_path, a=f"shop,item,date,units,promo,discount\n{rows}")).entries[0].columns
    assert columns["promotion"].rule == "flag"
    assert columns["discount"].options == {"scale": 0.01}


def test_no_sales_is_said(tmp_path: Path) -> None:
    suggestion = looked(tmp_path, artikel="Artikelnr,Bezeichnung\n7,Brot\n")
    assert not suggestion.complete
    assert any("no file looks like sales" in line for line in suggestion.lines)


def test_an_empty_file_is_an_error_and_a_header_alone_is_not(tmp_path: Path) -> None:
    assert looked(tmp_path, a="shop,item,date,units\n").guesses
    (tmp_path / "b.csv").write_text("")
    with pytest.raises(SourceError):
        suggest(locate([str(tmp_path)]))


def test_words_of_a_name() -> None:
    assert words("StoreNbr") == words("store_nbr") == words("Störe Nbr.") == ("store", "nbr")
    assert likeness("Artikel-Nr", synonyms("sales", "sku")) > likeness("best articles", synonyms("sales", "sku"))
    assert likeness("Colour", synonyms("sales", "sku")) == 0


cells = st.text(st.characters(codec="utf-8", exclude_characters='\r\n",;\t|\0'), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(cells, cells, cells), min_size=2, max_size=5))
def test_whatever_the_file_a_complete_suggestion_is_a_mapping(
    tmp_path: Path, columns: list[tuple[str, str, str]]
) -> None:
    text = "\n".join(",".join(f'"{cell}"' for cell in row) for row in zip(*columns, strict=True))
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    try:
        suggestion = suggest(locate([str(tmp_path / "a.csv")]))
    except SourceError:
        return  # no header worth the name
    if suggestion.complete:
        parse_mapping(suggestion.toml, "s")
    else:
        assert "?" in suggestion.toml
