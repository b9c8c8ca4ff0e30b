"""From what a person writes (files, folders, globs, object-store and database addresses) to sources.

Knows names and suffixes; what is inside is the sources' business. The order is that of the paths, by name within each.
"""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from invplat.core.errors import SourceError
from invplat.data.mapping import Formats
from invplat.data.sources.base import Source
from invplat.data.sources.csv import CsvSource
from invplat.data.sources.files import Gzipped, LocalFile, Member, Place, members
from invplat.data.sources.parquet import ParquetSource
from invplat.data.sources.remote import RemoteFile, hide_secrets, reached
from invplat.storage import filesystem

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
DATA = (*TEXT, *(f"{suffix}.gz" for suffix in TEXT), ".gz", ".zip", *PARQUET)
SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")


def locate(paths: Sequence[str], *, formats: Formats | None = None) -> list[Source]:
    return [source for path in paths for source in _located(path, formats or Formats())]


def _located(path: str, formats: Formats) -> list[Source]:
    if "://" in path:
        from invplat.data.sources import sql  # SQLAlchemy only where it may be needed: it takes a tenth of a second

        if sql.is_sql(path):
            return list(sql.sql_sources(path))
    if path.startswith("file://"):
        path = unquote(path.removeprefix("file://"))
    places = _remote(path) if "://" in path else _local(path)
    return [source for place in places for source in opened(place, formats)]


def opened(place: Place, formats: Formats) -> list[Source]:
    """What a file's name says is in it; a zip holds one source for each data file."""
    label = place.label.lower()
    if label.endswith(SPREADSHEETS):
        raise SourceError(f"{place.name} is a spreadsheet", hint="save it as CSV and give that")
    if label.endswith(PARQUET) or _begins_with(place, b"PAR1"):
        return [ParquetSource(place)]
    if label.endswith(".zip"):
        return [CsvSource(member, formats) for member in _members(place)]
    if label.endswith(".gz"):
        return [CsvSource(Gzipped(place), formats)]
    return [CsvSource(place, formats)]


def _begins_with(place: Place, mark: bytes) -> bool:
    """Only asked of names that say nothing."""
    if place.label.lower().endswith(DATA):
        return False
    with place.reading(), place.open() as stream:
        return stream.read(len(mark)) == mark


def _members(archive: Place) -> list[Place]:
    found = [member for member in members(archive) if member.filename.lower().endswith((*TEXT, *PARQUET))]
    packed = [member.filename for member in found if member.filename.lower().endswith(PARQUET)]
    if packed:
        raise SourceError(
            f"{archive.name} has Parquet inside: {packed[0]}", hint="unpack it first; Parquet is compressed already"
        )
    if not found:
        raise SourceError(f"{archive.name} has no CSV inside", hint=f"a data file's name ends in {', '.join(TEXT)}")
    return [Member(archive, member) for member in found]


def _local(text: str) -> list[Place]:
    path = Path(text).expanduser()
    if path.is_dir():
        return _folder(path)
    if path.exists():
        return [LocalFile(path)]
    if glob.has_magic(text):
        found = [Path(name) for name in sorted(glob.glob(str(path))) if Path(name).is_file()]
        if not found:
            raise SourceError(f"nothing matches {text}", hint=f"there is {_some(_names(path.parent))}")
        return [LocalFile(name) for name in found]
    raise _missing(text, path.name, _names(path.parent), str(path.parent))


def _folder(folder: Path) -> list[Place]:
    found: list[Place] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "_")):
            continue
        if entry.is_file() and entry.name.lower().endswith(DATA):
            # Spark and its kin write a table as a folder of parts; the folder's name is the table's.
            whole = folder.name if folder.name.lower().endswith(PARQUET) else ""
            found.append(LocalFile(entry, whole))
        elif entry.is_dir():
            whole = entry.name if entry.name.lower().endswith(PARQUET) else ""
            parts = sorted(part for part in entry.iterdir() if part.name.lower().endswith(PARQUET) and part.is_file())
            found.extend(LocalFile(part, whole) for part in parts if not part.name.startswith((".", "_")))
    if not found:
        raise SourceError(f"{folder} has no data files", hint=f"a data file's name ends in {', '.join(DATA)}")
    return found


def _remote(url: str) -> list[Place]:
    name = hide_secrets(url)
    scheme = url.split("://", 1)[0]
    files, path = filesystem(url)
    with reached(name):
        files.invalidate_cache()
        if glob.has_magic(path):
            found = _inside(files, path.rsplit("/", 1)[0], path)
            if not found:
                raise SourceError(f"nothing matches {name}", hint="look with your store's own tools at what is there")
        elif not files.exists(path):
            parent = path.rsplit("/", 1)[0]
            there = (
                [_last(other) for other in files.ls(parent, detail=False)]
                if "/" in path and files.exists(parent)
                else []
            )
            raise _missing(name, _last(path), there, hide_secrets(f"{scheme}://{parent.lstrip('/')}"))
        elif files.isfile(path):
            found = [path]
        else:
            found = [inner for inner in _inside(files, path) if inner.lower().endswith(DATA)]
            if not found:
                raise SourceError(f"{name} has no data files", hint=f"a data file's name ends in {', '.join(DATA)}")
    return [RemoteFile(files, inner, f"{scheme}://{inner.lstrip('/')}") for inner in found]


def _inside(files: Any, folder: str, pattern: str = "") -> list[str]:
    """Only one level: a bucket may hold millions of objects further down."""
    if glob.has_magic(folder):
        found = [str(name) for name in files.glob(pattern)]
    else:
        entries = files.ls(folder, detail=True) if files.exists(folder) else []
        found = [str(entry["name"]) for entry in entries if entry["type"] == "file"]
        found = [name for name in found if not pattern or fnmatch.fnmatchcase(_last(name), _last(pattern))]
    return sorted(name for name in found if _last(name) and not _last(name).startswith((".", "_")))


def _last(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith(".")) if folder.is_dir() else []


def _some(names: list[str]) -> str:
    return (", ".join(names[:5]) + (" …" if len(names) > 5 else "")) or "nothing there"


def _missing(asked: str, name: str, there: list[str], folder: str) -> SourceError:
    near = get_close_matches(name, there, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"in {folder} there is {_some(there)}"
    return SourceError(f"there is no {asked}", hint=hint)
