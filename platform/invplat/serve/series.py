"""Which of a business's series a request is about. Every name must be known; those that are not are told with the
names nearest to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from invplat.core.errors import Unknown
from invplat.serve.book import Book
from invplat.serve.problems import Missing, missing, near, short
from invplat.serve.schemas import Chosen


def chosen_rows(book: Book, asked: Chosen) -> Any:
    """Rows of the book, in the order asked for: one as a number, several as a list; None: all."""
    if asked.series is not None:
        place = book.place
        try:
            rows = [place[(one.store, one.sku)] for one in asked.series]
        except KeyError as error:
            raise _unknown(book, *error.args[0]) from None
        return rows[0] if len(rows) == 1 else rows
    if not (asked.stores or asked.skus or asked.categories):
        return None
    stores, skus, categories = (_wanted(names) for names in (asked.stores, asked.skus, asked.categories))
    _all_known("store", stores, {store for store, _ in book.names})
    _all_known("SKU", skus, {sku for _, sku in book.names})
    _all_known("category", categories, {name for name in book.categories if name is not None})
    found = [
        row
        for row, ((store, sku), category) in enumerate(zip(book.names, book.categories, strict=True))
        if (not stores or store in stores) and (not skus or sku in skus) and (not categories or category in categories)
    ]
    if not found:
        raise Unknown("no series is all of what was asked for", hint="ask for less at once: stores, skus or categories")
    return found


def _wanted(names: Iterable[str] | None) -> dict[str, None]:
    return dict.fromkeys(names or ())


def _all_known(what: str, names: Iterable[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise missing(what, name, known)


def _unknown(book: Book, store: str, sku: str) -> Missing:
    stores = {name for name, _ in book.names}
    if store not in stores:
        return missing("store", store, stores)
    there = [name for name_of, name in book.names if name_of == store]
    return Missing(f"store {short(store)!r} has no SKU {short(sku)!r}", near=near(sku, there))
