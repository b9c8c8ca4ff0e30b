"""What `invplat deploy` was told, by flags and by a file, as one set of options.

A flag wins over the file, the file over what is usual. Knows nothing of how a deployment is made.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invplat.core.errors import SettingRefused

if TYPE_CHECKING:
    from invplat.serve.deployment import Options

UNITS = {"": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 10**3, "mb": 10**6, "gb": 10**9}
EXAMPLES = {
    "host": '"127.0.0.1"',
    "port": "8000",
    "replicas": '"1..2"',
    "workload": '["mlp"]',
    "haproxy": "true",
    "memory": '"1GiB"',
    "in_flight": "256",
    "rate": "200",
    "shadow": "0.1",
}


def options(given: Mapping[str, Any], path: Path | None) -> Options:
    """`given`: by the names of the file's entries; None and () were not given."""
    from invplat.serve.deployment import Options

    found = {} if path is None else read_config(path)
    found |= {name: (value, f"--{name.replace('_', '-')}") for name, value in given.items() if value not in (None, ())}
    checked = {name: _checked(name, value, where) for name, (value, where) in found.items()}
    if "workload" in checked:
        checked["workloads"] = checked.pop("workload")
    return Options(**checked)


def read_config(path: Path) -> dict[str, tuple[Any, str]]:
    """Each entry, and where it stands."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingRefused(f"--config {path}: {error.strerror or error}", hint="name a TOML file") from error
    except ValueError as error:  # bad TOML, and bad UTF-8
        raise SettingRefused(f"--config {path} is not TOML: {error}", hint="write lines such as port = 8000") from error
    for name in content:
        if name not in EXAMPLES:
            near = get_close_matches(name, EXAMPLES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it may set {', '.join(EXAMPLES)}"
            raise SettingRefused(f"{path} sets {name!r}, which deploy has not", hint=hint)
    return {name: (value, str(path)) for name, value in content.items()}


def _checked(name: str, value: Any, where: str) -> Any:
    found = CHECKS[name](value)
    if found is None:
        raise SettingRefused(f"{where}: {name} = {value!r} makes no sense", hint=f"for example {EXAMPLES[name]}")
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() and value.isprintable() else None


def _whole(lowest: int, highest: int) -> Any:
    def check(value: Any) -> int | None:
        right = isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
        return value if right else None

    return check


def _replicas(value: Any) -> tuple[int, int] | None:
    """3, "3", "1..3" or [1, 3]."""
    if isinstance(value, str):
        form = re.fullmatch(r"(\d{1,4})(?:\.\.(\d{1,4}))?", value.strip())
        value = [int(part) for part in form.groups() if part] if form else None
    ends = [value] if isinstance(value, int) else value
    if not isinstance(ends, list | tuple) or len(ends) not in (1, 2):
        return None
    if not all(isinstance(end, int) and not isinstance(end, bool) for end in ends):
        return None
    return (ends[0], ends[-1]) if 1 <= ends[0] <= ends[-1] <= 1000 else None


def _names(value: Any) -> tuple[str, ...] | None:
    listed = [value] if isinstance(value, str) else value
    right = isinstance(listed, list | tuple) and listed and all(_text(name) for name in listed)
    return tuple(listed) if right else None


def _size(value: Any) -> int | None:
    """Bytes, or a text with its unit."""
    if isinstance(value, str):
        form = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)", value.strip().lower())
        if form is None or form[2] not in UNITS:
            return None
        value = int(float(form[1]) * UNITS[form[2]])
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _rate(value: Any) -> float | None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1e9
    return float(value) if right else None


def _share(value: Any) -> float | None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return float(value) if right else None


CHECKS = {
    "host": _text,
    "port": _whole(0, 65535),
    "replicas": _replicas,
    "workload": _names,
    "haproxy": lambda value: value if isinstance(value, bool) else None,
    "memory": _size,
    "in_flight": _whole(1, 1_000_000),
    "rate": _rate,
    "shadow": _share,
}
