"""Reading one column's distinct values: texts and typed values to names, days and numbers.

Each value comes back with the rule it broke (a quarantine rule) or the rule that mended it. Knows nothing of rows.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from invplat.core.errors import MappingError
from invplat.core.names import MAX_NAME
from invplat.data.intake.arrow import fixed, floats, integers
from invplat.data.intake.facts import NO_DATE
from invplat.data.mapping import Formats

EMPTY = frozenset({"", "na", "n/a", "#n/a", "null", "none", "-", "."})
EARLIEST, LATEST = (date(1900, 1, 1) - date(1970, 1, 1)).days, (date(2100, 12, 31) - date(1970, 1, 1)).days
UNAMBIGUOUS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "%Y.%m.%d",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
)
AMBIGUOUS = (
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d-%m-%y",
    "%m-%d-%y",
)
EPOCH = date(1970, 1, 1).toordinal()
FEW, FEW_ODD = 20_000, 200  # values up to which plain Python is quicker than waking an engine
_CLOCK = re.compile(r"[T ]\d{1,2}:\d{2}.*$")
_SIGNS = re.compile(r"[^\w\s]|_")  # what stands between the parts of a date, blanks aside
_DIRECTIVE = re.compile(r"%[a-zA-Z]")
_OWN_SIGNS = re.compile(r"%[cxXzZ%]")  # directives that write signs of their own
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ISO = re.compile(r"\s*\d{4}-\d{2}-\d{2}(?:[T ]|\s*$)")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:([,.' \u00a0\u202f])\d{3})(?:\1\d{3})*")


@dataclass
class Values:
    """Results a distinct value: `array` holds our values, `fault` and `repair` a rule's name or ''."""

    array: npt.NDArray[Any]
    fault: dict[int, str] = field(default_factory=dict)  # value index → quarantine rule
    repair: dict[int, str] = field(default_factory=dict)  # value index → repair rule
    texts: list[str | None] = field(default_factory=list)  # names only: the mended text


def read_names(values: pa.Array) -> Values:
    """Store and SKU names: trimmed, not too long, no control characters; 17.0 from a float column is 17."""
    result = Values(np.zeros(0))
    if pa.types.is_floating(values.type):
        texts = [str(int(value)) if float(value).is_integer() else str(value) for value in values.to_pylist()]
    else:
        texts = [str(value) for value in values.to_pylist()]
    for index, text in enumerate(texts):
        plain = text.strip()
        if plain == "":
            result.fault[index] = "missing_value"
        elif len(plain) > MAX_NAME or _CONTROL.search(plain):
            result.fault[index] = "bad_name"
        elif plain != text:
            result.repair[index] = "trimmed"
        result.texts.append(plain)
    return result


def read_texts(values: pa.Array) -> Values:
    """Free text such as a category; what is too long or says nothing is unknown."""
    result = Values(np.zeros(0))
    for value in values.to_pylist():
        plain = _CONTROL.sub(" ", str(value)).strip()
        result.texts.append(None if plain.lower() in EMPTY or plain == "NaN" else plain[:500])
    return result


def read_numbers(values: pa.Array, formats: Formats) -> Values:
    """Numbers as float64. What is not one is a fault; a value that says nothing is missing."""
    if (
        pa.types.is_boolean(values.type)
        or pa.types.is_integer(values.type)
        or pa.types.is_floating(values.type)
        or pa.types.is_decimal(values.type)
    ):
        array = floats(values).copy()
        result = Values(array)
    else:
        array = _numbers(values, formats)
        result = Values(array)
        for index in np.flatnonzero(np.isnan(array)).tolist():
            number, repair = _odd_number(str(values[index].as_py()), formats.decimal)
            if number is not None:
                array[index], result.repair[index] = number, repair
            elif str(values[index].as_py()).strip().lower() in EMPTY:
                result.fault[index] = "missing_value"
            elif str(values[index].as_py()).strip().lower() in ("nan", "+nan", "-nan"):
                result.fault[index] = "not_finite"
            else:
                result.fault[index] = "unparsable_number"
    for index in np.flatnonzero(~np.isfinite(result.array)).tolist():
        result.fault.setdefault(index, "not_finite")
    return result


def _numbers(values: pa.Array, formats: Formats) -> npt.NDArray[np.float64]:
    """What reads as a plain number; NaN where it does not."""
    plain = formats.decimal == "." and not formats.thousands
    with suppress(pa.ArrowInvalid):  # at least one is no number: look at each
        if plain:
            return floats(values.cast(pa.float64())).copy()
    if plain and len(values) <= FEW:
        return np.array([_plain_float(text) for text in values.cast(pa.string()).to_pylist()], np.float64)
    texts = pl.Series(values.cast(pa.string()))
    if not plain:
        grouped = formats.thousands or ("." if formats.decimal == "," else ",")
        texts = texts.str.replace_all(grouped, "", literal=True).str.replace(formats.decimal, ".", literal=True)
    return texts.str.strip_chars().cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy().copy()


def _plain_float(text: str) -> float:
    try:
        return float(text) if "_" not in text else np.nan
    except ValueError:
        return np.nan


def _odd_number(text: str, decimal: str) -> tuple[float | None, str]:
    """Thousands separators, currency signs, (5) and 5- for minus five."""
    plain = text.strip().strip("$€£¥").strip()
    if plain.startswith("(") and plain.endswith(")"):
        plain = "-" + plain[1:-1]
    elif plain.endswith("-") and len(plain) > 1:
        plain = "-" + plain[:-1]
    found = _THOUSANDS.match(plain)
    if found and found.group(1) != decimal:
        plain = found.group(0).replace(found.group(1), "") + plain[found.end() :]
    plain = plain.replace(decimal, ".", 1)
    if not re.fullmatch(r"[+-]?\d+(?:\.\d*)?|[+-]?\.\d+", plain):
        return None, ""
    return float(plain), "number_format"


def choose_date_format(values: pa.Array, given: tuple[str, ...], where: str) -> tuple[str, ...]:
    """The formats to try, in order, for a column of these values. Never guesses between 3 April and 4 March."""
    if given or not (
        pa.types.is_string(values.type) or pa.types.is_large_string(values.type) or pa.types.is_integer(values.type)
    ):
        return given
    some = values.slice(0, 1000).cast(pa.string()).to_pylist()
    if sum(_ISO.match(text) is not None for text in some) * 2 > len(some):
        return UNAMBIGUOUS  # nothing else is written this way
    texts = _date_texts(values)
    parsed = {form: _plausible(_days(texts, form)) for form in (*UNAMBIGUOUS, *AMBIGUOUS)}
    hits = {form: int((days != NO_DATE).sum()) for form, days in parsed.items()}
    best = max(hits.values())
    if best == 0:
        return UNAMBIGUOUS
    first, *rest = [form for form in hits if hits[form] == best]
    for other in rest:
        both = (parsed[first] != NO_DATE) & (parsed[other] != NO_DATE)  # of mixed formats none reads the other's values
        differ = np.flatnonzero(both & (parsed[first] != parsed[other]))
        if len(differ):
            index = int(differ[0])
            raise MappingError(
                f"{where}: {texts[index]!r} may be read as {first} or as {other}",
                hint=f'say which in the mapping: formats = {{ date = ["{first}"] }}',
            )
    return (first, *(form for form in UNAMBIGUOUS if form != first))


def read_dates(values: pa.Array, formats: tuple[str, ...]) -> Values:
    """Days since 1970 as int32."""
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        days = integers(values.cast(pa.date32(), safe=False), int(NO_DATE)).copy()
    else:
        days = _iso_days(values) if formats and formats[0] == "%Y-%m-%d" else np.full(len(values), NO_DATE, np.int32)
        for form in formats or UNAMBIGUOUS:
            todo = np.flatnonzero(days == NO_DATE)
            if len(todo) == 0:
                break
            left = values.take(fixed(todo.astype(np.int64), pa.int64())).cast(pa.string())
            days[todo] = _few_days(left.to_pylist(), form) if len(todo) <= FEW_ODD else _days(_date_texts(left), form)
    result = Values(days)
    for index in np.flatnonzero((days < EARLIEST) | (days > LATEST)).tolist():
        text = str(values[index].as_py()).strip()
        if days[index] != NO_DATE or _looks_like_date(text):
            result.fault[index] = "impossible_date"
        else:
            result.fault[index] = (
                "missing_value" if text.lower() in EMPTY or text in ("NaN", "NaT") else "unparsable_date"
            )
    return result


def _iso_days(values: pa.Array) -> npt.NDArray[np.int32]:
    """Plain ISO dates in one go; NO_DATE for the others."""
    texts = values.cast(pa.string())
    with suppress(pa.ArrowInvalid):  # not every one: look at each
        return integers(texts.cast(pa.date32()), int(NO_DATE)).copy()
    if len(texts) > FEW:
        return _days(pl.Series(texts), "%Y-%m-%d")
    return np.array([_python_iso(text) for text in texts.to_pylist()], np.int32)


def _python_iso(text: str) -> int:
    try:
        return date.fromisoformat(text).toordinal() - EPOCH if len(text) == 10 and text[4] == "-" else int(NO_DATE)
    except ValueError:
        return int(NO_DATE)


def _date_texts(values: pa.Array) -> pl.Series:
    # A time of day behind the date says nothing here.
    return pl.Series(values.cast(pa.string())).str.strip_chars().str.replace(_CLOCK.pattern, "")


def _days(texts: pl.Series, form: str) -> npt.NDArray[np.int32]:
    if "%d" in form or "%j" in form:
        days = texts.str.to_date(form, strict=False).to_physical().fill_null(int(NO_DATE)).to_numpy()
        if "%Y" in form:  # the year must be written out: chrono reads 24 as the year 24
            days = np.where(texts.str.contains(r"\d{4}").fill_null(False).to_numpy(), days, NO_DATE)
        return days.astype(np.int32)
    return np.array([_python_day(text, form) for text in texts.to_list()], np.int32)  # months and ISO weeks have no day


def _few_days(texts: list[str], form: str) -> npt.NDArray[np.int32]:
    """A handful by Python itself: waking the engine takes longer."""
    return np.array([_python_day(_CLOCK.sub("", text.strip()), form) for text in texts], np.int32)


def _python_day(text: str, form: str) -> int:
    if not _alike(text, form):
        return int(NO_DATE)
    try:
        if "%V" in form or "%G" in form:
            return (datetime.strptime(f"{text} 1", f"{form} %u").date() - date(1970, 1, 1)).days
        return (datetime.strptime(text, form).date() - date(1970, 1, 1)).days
    except ValueError:
        return int(NO_DATE)


def _alike(text: str, form: str) -> bool:
    """Whether a text has the signs that its format writes between the parts of a date. Making a format ready for its
    first text takes a thousand times as long as this look."""
    written = _SIGNS.findall(_DIRECTIVE.sub("", form))
    return _OWN_SIGNS.search(form) is not None or _SIGNS.findall(text) == written


def _plausible(days: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.where((days < EARLIEST) | (days > LATEST), NO_DATE, days)


def _looks_like_date(text: str) -> bool:
    """A real calendar date that is only out of range, such as 9999-12-31 where the parser stops earlier."""
    return bool(re.fullmatch(r"\d{5,}-\d{2}-\d{2}", text))
