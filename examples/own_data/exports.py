"""Makes a folder of exports as a till system might write them: semicolons, decimal commas, German dates and columns.

Three branches of a bakery, eight articles, 200 days. Some rows are wrong on purpose. The same every time.

    python exports.py [FOLDER]
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

BRANCHES = {"F01": 1.0, "F02": 0.6, "F07": 1.7}
ARTICLES = {
    "1001": ("Roggenbrot", "Brot", 3.4),
    "1002": ("Weizenbrot", "Brot", 2.9),
    "2001": ("Brezel", "Kleingebäck", 0.85),
    "2002": ("Croissant", "Kleingebäck", 1.35),
    "2003": ("Mohnbrötchen", "Kleingebäck", 0.6),
    "3001": ("Käsekuchen", "Kuchen", 2.75),
    "3002": ("Apfelstrudel", "Kuchen", 3.1),
    "4001": ("Kaffeebohnen 500 g", "Kaffee", 9.9),
}
LEVEL = {"Brot": 18.0, "Kleingebäck": 60.0, "Kuchen": 11.0, "Kaffee": 2.5}
FIRST, DAYS = date(2025, 6, 1), 200


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(7)
    sales, stock, deliveries = [], [], []
    for branch, size in BRANCHES.items():
        for article, (_, group, price) in ARTICLES.items():
            on_hand, coming = round(LEVEL[group] * size * 6), dict[date, tuple[date, int]]()
            for number in range(DAYS):
                day = FIRST + timedelta(number)
                if day in coming:
                    ordered, quantity = coming.pop(day)
                    on_hand += quantity
                    deliveries.append((branch, article, german(ordered), german(day), quantity, comma(price * 0.55)))
                offer = number % 41 in range(7) and group != "Brot"
                weekday = (1.0, 0.8, 0.9, 1.0, 1.2, 1.6, 0.3)[day.weekday()]
                wanted = draw.gauss(1, 0.25) * LEVEL[group] * size * weekday * (1.5 if offer else 1.0)
                sold = min(max(round(wanted), 0), on_hand)
                on_hand -= sold
                paid = price * (0.85 if offer else 1.0)
                if sold:
                    sales.append([branch, article, german(day), sold, comma(paid), "A" if offer else ""])
                stock.append((branch, article, german(day), on_hand))
                if day.weekday() in (0, 3) and not coming:
                    arrives = day + timedelta(draw.choice((2, 2, 3, 5)))
                    coming[arrives] = (day, round(LEVEL[group] * size * 5))
    spoil(sales)
    half = len(sales) // 2
    header = ("Filiale", "Artikelnr", "Verkaufsdatum", "Menge", "VK brutto", "Knz")
    write(folder / "Verkauf_1.csv", header, sales[:half])
    write(folder / "Verkauf_2.csv", header, sales[half - 40 :])  # the second export repeats the end of the first
    write(folder / "Bestand.csv", ("Filiale", "Artikelnr", "Datum", "Bestand"), stock)
    header = ("Filiale", "Artikelnr", "Bestelldatum", "Lieferdatum", "Menge", "EK")
    write(folder / "Wareneingang.csv", header, deliveries)
    rows = [(article, *words[:2], comma(words[2])) for article, words in ARTICLES.items()]
    write(folder / "Artikelstamm.csv", ("Artikelnr", "Bezeichnung", "Warengruppe", "Preis"), rows)
    print(f"{folder}: {len(sales) + 40:,} sales, {len(stock):,} counts, {len(deliveries):,} deliveries")


def spoil(sales: list[list[object]]) -> None:
    """What is wrong with every real export."""
    sales[100][2] = "31.06.2025"  # there is no such day
    sales[200][3] = "zwölf"
    sales[300][1] = ""
    sales[400][3] = "99999999999"
    sales[500][3] = "-3"  # brought back


def german(day: date) -> str:
    return f"{day:%d.%m.%Y}"


def comma(amount: float) -> str:
    return f"{amount:.2f}".replace(".", ",")


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    lines = [";".join(map(str, row)) for row in (header, *rows)]
    path.write_text("\r\n".join(lines) + "\r\n", encoding="cp1252")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "exports"))
