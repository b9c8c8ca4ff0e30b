"""What a command says, and the options that every command shares.

A result goes to stdout, for people or (with --json) for machines; everything else goes to stderr.
Knows nothing of any command; rich is imported only when a table or a bar is drawn.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import date
from functools import update_wrapper
from math import isfinite
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from invplat.cli import progress
from invplat.core.settings import Settings, load_settings

if TYPE_CHECKING:
    from invplat.registry.database import Database

P = ParamSpec("P")
R = TypeVar("R")
WIDE = 100_000  # columns of a table that is piped: nothing is cut off


class Output:
    """One for each run of the program, the same for every command in it."""

    def __init__(self) -> None:
        self.json = False
        self.quiet = False
        self.verbose = False
        self.flags: dict[str, str | None] = {}

    @property
    def settings(self) -> Settings:
        """Read when asked for, so that --help works even where invplat.toml is broken."""
        from invplat.cluster.note import named

        found = load_settings(self.flags)
        return replace(found, address=named(found.address, found.home))

    def database(self) -> Database:
        """The registry's, opened; a person hears when it is being waited for."""
        from invplat.registry.database import open_database

        return open_database(self.settings.database_url, told=self.note)

    def result(self, content: Mapping[str, Any], table: Callable[[], None] | None = None) -> None:
        """The answer of the command: as JSON, or drawn by `table`, or as one `name  value` a line."""
        if self.json:
            indent = 2 if sys.stdout.isatty() else None
            click.echo(json.dumps(plain(content), indent=indent, allow_nan=False))
        elif table is not None:
            table()
        else:
            width = max((len(name) for name in content), default=0)
            for name, value in content.items():
                click.echo(f"{name.replace('_', ' '):<{width}}  {shown(value)}")

    def table(self, rows: Iterable[Sequence[object]], columns: Sequence[str], title: str | None = None) -> None:
        """A table on stdout as wide as the terminal, uncut where there is none; nothing with --json."""
        if self.json:
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        listed = [list(row) for row in rows]
        drawn = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", show_edge=False, pad_edge=False)
        for number, name in enumerate(columns):
            values = [row[number] for row in listed if row[number] is not None]
            numeric = bool(values) and all(isinstance(value, int | float) for value in values)
            drawn.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
        for row in listed:
            drawn.add_row(*(Text(shown(value)) for value in row))  # Text: a SKU called [red] is not markup
        Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE).print(drawn, crop=False)

    def progress(self, total: float | None, label: str) -> AbstractContextManager[progress.Progress]:
        """`with output.progress(len(files), "reading") as step: step.advance()`; a total of None is not known."""
        if self.quiet or self.json:
            return nullcontext(progress.Silent())
        if sys.stderr.isatty():
            return progress.bar(total, label)
        return progress.lines(total, label)

    def note(self, text: str) -> None:
        """Something that a person may want to know and a machine does not."""
        if not (self.quiet or self.json):
            click.echo(text, err=True)


def plain(value: Any) -> Any:
    """The value in what JSON has: dates and paths as text, NaN and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if isfinite(value) else None
    if isinstance(value, date | PurePath):
        return str(value)
    return value


def shown(value: object) -> str:
    """The value as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(shown(item) for item in value)
    return str(value)


def current(context: click.Context | None = None) -> Output:
    root = (context or click.get_current_context()).find_root()
    if not isinstance(root.obj, Output):
        root.obj = Output()
    return root.obj


def pass_output(function: Callable[Concatenate[Output, P], R]) -> Callable[P, R]:
    """Decorator: the command's first argument is the Output."""

    def with_output(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(current(), *args, **kwargs)

    return update_wrapper(with_output, function)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    output = current(context)
    if parameter.name in ("json", "quiet", "verbose"):
        if value:
            setattr(output, parameter.name, True)
    elif value is not None:
        output.flags[str(parameter.name)] = value


def _option(*names: str, **attributes: Any) -> Callable[[Any], Any]:
    return click.option(*names, expose_value=False, callback=_remember, **attributes)


FLAGS = (
    _option("--json", is_flag=True, help="Print the result as JSON."),
    _option("-q", "--quiet", is_flag=True, help="No progress and no remarks."),
    _option("-v", "--verbose", is_flag=True, help="Show the traceback of an error."),
)
SETTINGS = (
    ("--home", "FOLDER", "Where this machine keeps things [~/.invplat]."),
    ("--database-url", "URL", "Metadata: sqlite:///FILE or postgresql://… [in home]."),
    ("--storage-url", "URL", "Bytes: a folder or s3://… [in home]."),
    ("--address", "HOST:PORT", "A Ray cluster, or cluster: this home's own; without it work runs here."),
)


def common(command: Any) -> Any:
    """Decorator: --json, --quiet and -v after the command's name too, and the settings, though not listed again."""
    for name, metavar, text in reversed(SETTINGS):
        command = _option(name, metavar=metavar, help=text, hidden=True)(command)
    for flag in reversed(FLAGS):
        command = flag(command)
    return command


def common_to_all(command: Any) -> Any:
    """The same for the program itself, where the settings are listed."""
    for flag in reversed(FLAGS):
        command = flag(command)
    for name, metavar, text in reversed(SETTINGS):
        command = _option(name, metavar=metavar, help=text)(command)
    return command
