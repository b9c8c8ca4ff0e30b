"""Proposals as the TOML of a mapping, each line with its reason, and as lines for a person."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable

from invplat.data.intake.values import UNAMBIGUOUS
from invplat.data.proposal.guess import SURE, Guess, Proposal


def shape(item: Proposal) -> tuple[object, ...]:
    """Files of one shape, such as a till's months, share an entry."""
    columns = item.wide.format if item.wide else item.profile.header
    return (item.table.name if item.table else "", columns, tuple((g.ours, g.theirs, g.rule) for g in item.guesses))


def entry(item: Proposal, labels: list[str]) -> tuple[list[str], list[str], bool]:
    assert item.table is not None  # the caller looked
    files = ", ".join(quoted(glob.escape(label)) for label in labels)
    text = ["[[table]]", f'table = "{item.table.name}"', f"files = [{files}]"]
    lines = [f"{', '.join(labels)}: {item.table.name}"]
    if item.derive:
        text.append("derive = true # read from rows that sales counts")
    formats, doubt = _formats(item)
    text += formats
    lines += [f"  ? {line}" for line in doubt]
    if item.table.name == "sales":
        text.append('gaps = "zero" # a period without a row sold nothing; "missing" if the file may lack rows')
    text.append("[table.columns]")
    for guess in item.guesses:
        text.append(_column(guess))
        lines.append(f"  {_told(guess)}")
    if item.wide is not None:
        more, open_ = _unpivot(item)
        text += more
        lines += open_
        doubt += [line for line in open_ if "?" in line]
    if item.table.name == "sales" and item.of("unit"):
        text += ["# Units other than pieces need a factor: add under [[table]] for example units = { tray = 6 }"]
    left = _left(item)
    if left and not item.derive:
        text.append(f"# not carried over: {listed(left)}")
    return text, lines, not item.open and not doubt


def _column(guess: Guess) -> str:
    near = f" {round(guess.confidence * 100)} %," if guess.theirs and guess.confidence < 1 else ""
    if guess.theirs:
        value = f"{{ column = {quoted(guess.theirs)}, {guess.rule} }}" if guess.rule else quoted(guess.theirs)
        return f"{guess.ours} = {value} #{near} {guess.reason}"
    if guess.rule:
        return f"{guess.ours} = {{ {guess.rule} }} # {guess.reason}"
    return f"# {guess.ours} = ? # {guess.reason}{': ' + listed(guess.candidates) if guess.candidates else ''}"


def _told(guess: Guess) -> str:
    if guess.theirs:
        doubt = "" if guess.confidence >= SURE else " – please check"
        return f"{guess.ours} ← {guess.theirs} ({guess.reason}, {round(guess.confidence * 100)} %){doubt}"
    if guess.rule:
        return f"{guess.ours}: {guess.reason} – please check"
    candidates = f": {listed(guess.candidates)}" if guess.candidates else ""
    return f'? {guess.ours}: {guess.reason}{candidates}; write {guess.ours} = "their column"'


def _formats(item: Proposal) -> tuple[list[str], list[str]]:
    """Date formats where the usual ones would not be found, decimal commas where there are some."""
    columns = [item.profile.columns[guess.theirs] for guess in item.guesses if guess.theirs]
    parts, doubt, text = [], [], []
    forms: list[str] = []
    for column in columns:
        found = column.date_formats or ()
        if len(found) > 1 and _is_date(item, column.name):
            choice = " or ".join(found)
            doubt.append(f"dates of {column.name} may be {choice}, for example {column.texts[0]}")
            text.append(f'# formats = {{ date = ["{found[0]}"] }} # ? {choice}, as in {column.texts[0]}')
        elif found and found[0] not in UNAMBIGUOUS and _is_date(item, column.name):
            forms += [form for form in found if form not in forms]
    if forms and not doubt:
        parts.append(f"date = [{', '.join(quoted(form) for form in forms)}]")
    cells = [item.profile.columns[name] for name in item.wide.columns] if item.wide else []
    if any(column.comma for column in columns + cells):
        parts.append('decimal = ","')
        if any("." in value for column in columns + cells if column.comma for value in column.texts):
            parts.append('thousands = "."')
    if parts:
        text.append(f"formats = {{ {', '.join(parts)} }}")
    return text, doubt


def _is_date(item: Proposal, theirs: str) -> bool:
    assert item.table is not None  # only called for a table's columns
    return any(
        guess.theirs == theirs and (column := item.table.column(guess.ours)) and column.kind == "date"
        for guess in item.guesses
    )


def _unpivot(item: Proposal) -> tuple[list[str], list[str]]:
    wide = item.wide
    assert wide is not None  # the caller looked
    text = ["[table.unpivot]", 'into = "date"', 'value = "quantity"']
    span = f"{len(wide.columns)} columns {wide.columns[0]} … {wide.columns[-1]}"
    if wide.format:
        return [*text, f"format = {quoted(wide.format)} # {span}"], [f"  date and quantity ← {span}"]
    if wide.formats:
        choice = " or ".join(wide.formats)
        return [*text, f"# format = ? # {choice}"], [f"  ? date ← {span}: {choice}"]
    step = {"week": ["step = 7"], "month": ["# ? months differ in length: name the columns by date"]}.get(wide.step, [])
    return (
        [
            *text,
            f"columns = [{quoted(wide.pattern)}] # {span}",
            "# origin = ? # the date of number 1",
            *step,
        ],
        [f"  ? date ← {span}: write origin, the date of number 1"],
    )


def _left(item: Proposal) -> list[str]:
    used = {guess.theirs for guess in item.guesses} | set(item.wide.columns if item.wide else ())
    return [name for name in item.profile.header if name not in used]


def listed(names: Iterable[str]) -> str:
    """Names on one comment line, however odd they are."""
    names = [json.dumps(name, ensure_ascii=False)[1:-1] for name in names]
    return ", ".join(names[:12]) + (f" … {len(names) - 12} more" if len(names) > 12 else "")


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
