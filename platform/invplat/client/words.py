"""A request's fields as they travel: JSON, or an Arrow stream for series by the hundred thousand, and answers back.

pyarrow is imported where a table goes in or out. Knows nothing of URLs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from invplat.client.wire import JSON
from invplat.core.errors import FigureRefused, MissingExtra, SettingRefused

if TYPE_CHECKING:
    import pyarrow as pa

ARROW = "application/vnd.apache.arrow.stream"
ENDED = b"\xff\xff\xff\xff\x00\x00\x00\x00"  # how a whole stream ends
INDEX = re.compile(r"__index_level_\d+__")  # of a pandas table of which some rows were taken
NAMED = ("store", "sku")

Series = Iterable[tuple[str, str] | Mapping[str, Any]]


@dataclass(frozen=True)
class Asked:
    """`series` as a table makes the table the body; what else there is goes into the query."""

    body: bytes
    kind: str = JSON
    query: Mapping[str, str] | None = None


def asked(fields: Mapping[str, Any]) -> Asked:
    """Fields that are None are not said."""
    given = {name: value for name, value in fields.items() if value is not None}
    series = given.pop("series", None)
    if series is None:
        return Asked(text(given).encode())
    if columnar(series):
        return Asked(stream(series), ARROW, {"ask": text(given)} if given else None)
    return Asked(text({**given, "series": [named(one) for one in series]}).encode())


def text(value: Any) -> str:
    """As JSON of ASCII letters, which a body, a header and an address all take."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_plain)
    except ValueError as error:
        raise FigureRefused(f"the request has a figure that is no number: {error}", hint="leave it out") from error


def answer(content: bytes) -> dict[str, Any]:
    found = json.loads(content)
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__} where an object was expected")
    return found


def stream(table: Any) -> bytes:
    """The Arrow stream of anything that lends itself as Arrow: pyarrow, pandas, polars."""
    arrow = _pyarrow()
    whole: pa.Table = table if isinstance(table, arrow.Table) else arrow.table(table)
    whole = whole.drop_columns([name for name in whole.column_names if INDEX.fullmatch(name)])
    lacking = [name for name in NAMED if name not in whole.column_names]
    if lacking:
        raise SettingRefused(
            f"the table of series has no column {' and no column '.join(lacking)}, but {', '.join(whole.column_names)}",
            hint="store and sku say which series a row is of",
        )
    sink = arrow.BufferOutputStream()
    with arrow.ipc.new_stream(sink, whole.schema) as writer:
        writer.write_table(whole)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def table(content: bytes) -> pa.Table:
    if not content.endswith(ENDED):
        raise ValueError("the Arrow stream is cut short")
    with _pyarrow().ipc.open_stream(content) as reader:
        return reader.read_all()


def columnar(series: Any) -> bool:
    """A table, as pyarrow, pandas and polars have them."""
    return hasattr(series, "__arrow_c_stream__") or hasattr(series, "__arrow_c_array__")


def named(one: tuple[str, str] | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(one, Mapping):
        return dict(one)
    if isinstance(one, str) or len(one) != 2:
        raise SettingRefused(f"{one!r} is no series", hint='a series is a store and a SKU: ("berlin", "milk")')
    return dict(zip(NAMED, one, strict=True))


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()[:10]
    if callable(getattr(value, "tolist", None)):  # of NumPy
        return value.tolist()
    if isinstance(value, Sequence | set | frozenset):
        return list(value)
    raise SettingRefused(f"a request can't say {type(value).__name__} {value!r}", hint="give text, numbers and dates")


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError as error:
        raise MissingExtra("tables need pyarrow, which is not installed", hint="pip install pyarrow") from error
    return pyarrow
