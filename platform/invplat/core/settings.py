"""Where things are kept and where work runs: four settings, each remembering who set it.

A flag wins over an environment variable, that over `invplat.toml`, that over the default. Of two `invplat.toml`,
the one in the working folder wins over the one in the home folder, entry by entry.
Knows nothing of databases, storage or Ray: it only says which.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from invplat.core.errors import SettingRefused

FILE = "invplat.toml"
NAMES = ("home", "database_url", "storage_url", "address")
EXAMPLES = {
    "home": "~/.invplat",
    "database_url": "postgresql://user:password@host/invplat",
    "storage_url": "s3://bucket/folder",
    "address": "10.0.0.5:6379",
}


@dataclass(frozen=True)
class Origin:
    kind: Literal["flag", "environment", "file", "default"]
    where: str  # what to change: "--home", "INVPLAT_HOME", a file's path; empty for a default

    def __str__(self) -> str:
        return f"{self.kind} {self.where}".rstrip()


@dataclass(frozen=True)
class Settings:
    home: Path  # what this machine keeps: database and storage unless they are elsewhere
    database_url: str  # SQLAlchemy URL of the metadata
    storage_url: str  # a folder or an fsspec URL: the bytes
    address: str | None  # a Ray cluster; None runs embedded
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class _Given:
    value: str
    origin: Origin
    folder: Path  # relative paths start here: a file's own folder, else the working folder


def load_settings(
    flags: Mapping[str, str | None] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Settings as a command started in `folder` sees them; `flags` are by setting name, None meaning not given."""
    folder = Path.cwd() if folder is None else folder
    given = _from_flags(flags or {}, folder)
    for name, value in _from_environment(os.environ if environment is None else environment, folder).items():
        given.setdefault(name, value)
    here = folder / FILE
    for name, value in _from_file(here).items():
        given.setdefault(name, value)
    default = _Given("~/.invplat", Origin("default", ""), folder)
    home = _folder("home", given.setdefault("home", default))
    if home.exists() and not home.is_dir():
        raise SettingRefused(
            f"home {home} is a file, not a folder", hint=f"set by {given['home'].origin}; name a folder"
        )
    there = home / FILE
    if not (here.exists() and there.exists() and here.samefile(there)):
        for name, value in _from_file(there).items():
            if name == "home":
                raise SettingRefused(
                    f"{there} sets home, but it is only found once home is known",
                    hint=f"move that line to {FILE} in the working folder, or set INVPLAT_HOME",
                )
            given.setdefault(name, value)
    given.setdefault("database_url", _Given(f"sqlite:///{home / 'invplat.db'}", Origin("default", ""), folder))
    given.setdefault("storage_url", _Given(str(home / "storage"), Origin("default", ""), folder))
    return Settings(
        home=home,
        database_url=_database(given["database_url"]),
        storage_url=_storage(given["storage_url"]),
        address=given["address"].value if "address" in given else None,
        origins={name: given[name].origin if name in given else Origin("default", "") for name in NAMES},
    )


def _from_flags(flags: Mapping[str, str | None], folder: Path) -> dict[str, _Given]:
    found = {}
    for name, value in flags.items():
        if value is None:
            continue
        flag = "--" + name.replace("_", "-")
        found[name] = _Given(_text(name, value, flag), Origin("flag", flag), folder)
    return found


def _from_environment(environment: Mapping[str, str], folder: Path) -> dict[str, _Given]:
    variables = {name: f"INVPLAT_{name.upper()}" for name in NAMES}
    return {
        name: _Given(_text(name, environment[variable], variable), Origin("environment", variable), folder)
        for name, variable in variables.items()
        if environment.get(variable)  # set but empty is how a shell says "not set"
    }


def _from_file(path: Path) -> dict[str, _Given]:
    try:
        text = path.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingRefused(f"{path} is not UTF-8 text (line {line})", hint="save it as UTF-8") from error
    except OSError as error:
        raise SettingRefused(
            f"{path} cannot be read: {error.strerror}", hint="make it readable or remove it"
        ) from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        last = f"at line {len(text.splitlines())}, the last"
        said = str(error).replace("at end of document", last)
        raise SettingRefused(f"{path} is not TOML: {said}", hint='write lines such as home = "~/.invplat"') from error
    for key in raw:
        if key not in NAMES:
            near = get_close_matches(key, NAMES, n=1)
            raise SettingRefused(
                f"{path} sets {key!r}, which is no setting of ours",
                hint=f"did you mean {near[0]}?" if near else f"the settings are {', '.join(NAMES)}",
            )
    origin = Origin("file", str(path))
    return {key: _Given(_text(key, value, str(path)), origin, path.parent) for key, value in raw.items()}


def _text(name: str, value: object, where: str) -> str:
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return value.strip()
    shown = hide_secrets(value) if isinstance(value, str) else value
    raise SettingRefused(f"{where}: {name} = {shown!r} says nothing", hint=f"for example {EXAMPLES[name]}")


def _folder(name: str, given: _Given) -> Path:
    try:
        return Path(os.path.normpath(given.folder.absolute() / Path(given.value).expanduser()))
    except RuntimeError as error:
        raise SettingRefused(
            f"{name} = {given.value!r}: {error}", hint=f"set INVPLAT_{name.upper()} to a full path"
        ) from error


def _database(given: _Given) -> str:
    dialect = given.value.split("://", 1)[0].split("+", 1)[0] if "://" in given.value else ""
    if dialect in ("sqlite", "postgresql"):
        return given.value
    raise SettingRefused(
        f"database_url {hide_secrets(given.value)!r} (from {given.origin}) is neither SQLite nor PostgreSQL",
        hint=f"for example sqlite:///invplat.db or {hide_secrets(EXAMPLES['database_url'])}",
    )


def _storage(given: _Given) -> str:
    return given.value if "://" in given.value else str(_folder("storage_url", given))


_USER = re.compile(r"://[^/@:\s?#]*:(?P<secret>\S+)@")
_USER_ALONE = re.compile(r"://[^/@:\s?#]*:(?P<secret>.+)@", re.DOTALL)  # a password may hold blanks
_NAMED = re.compile(r"(?i)\b[\w.-]*(?:password|passwd|pwd|secret|token)[\w.-]*=(?P<secret>[^&\s]+)")
_QUERY = re.compile(r"(?i)(?<=[?&;])[\w.-]*(?:key|sig|signature|credential)[\w.-]*=(?P<secret>[^&\s]+)")
_URL = re.compile(r"[A-Za-z][\w+.-]*://")


def hide_secrets(text: str) -> str:
    """The text with passwords and keys inside URLs shown as ***; rather hides too much than too little."""
    patterns = (_USER_ALONE if _URL.match(text) else _USER, _NAMED, _QUERY)
    secrets = sorted(match.span("secret") for pattern in patterns for match in pattern.finditer(text))
    shown, end = "", 0
    for start, stop in secrets:
        if start > end:
            shown += text[end:start] + "***"
        end = max(end, stop)
    return shown + text[end:]
