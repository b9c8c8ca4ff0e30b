"""How a deployment is wanted: by flags, or by the texts of a file that knows no kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from invplat.core.errors import SettingRefused


@dataclass(frozen=True)
class Options:
    host: str = "127.0.0.1"
    port: int = 8000
    replicas: tuple[int, int] = (1, 1)
    workloads: tuple[str, ...] = ()
    haproxy: bool = True
    memory: int = 1 << 30  # bytes of each replica's books
    in_flight: int = 256  # requests that a replica has at once; more are told to come again
    rate: float = 200.0  # requests a second of one key, at each replica
    shadow: float = 1.0  # share of the series for which a challenger is asked, too; 0: none


def of_texts(args: Mapping[str, Any]) -> Options:
    known: dict[str, Any] = asdict(Options())
    odd = sorted(set(args) - set(known))
    if odd:
        raise SettingRefused(f"{odd[0]!r} is no option of a deployment", hint=f"there are {', '.join(known)}")
    found: dict[str, Any] = {}
    for name, given in args.items():
        usual, words = known[name], given.replace("..", ",").split(",") if isinstance(given, str) else given
        try:
            if name == "replicas":
                counts = [int(word) for word in (words if isinstance(words, list | tuple) else [words])]
                found[name] = (counts[0], counts[-1])
            elif isinstance(usual, tuple):
                found[name] = tuple(word for word in words if word)
            elif isinstance(usual, bool):
                found[name] = str(given).lower() in ("1", "true", "yes")
            else:
                found[name] = type(usual)(given)
        except (TypeError, ValueError) as error:
            raise SettingRefused(f"{name}: {given!r}", hint=f"such as {usual!r}") from error
    return Options(**found)
