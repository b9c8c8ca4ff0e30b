"""What a head must still know when it comes back: kept in a Redis, under the cluster's own name, until it is ended.

Its password is in a file beside the token, so that whoever heals the cluster need not know it. Speaks Redis' own
protocol, as much as is asked here; knows no Ray but the names that it gives its keys.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from invplat.core.errors import SettingRefused

FILE = Path("cluster", "redis")  # below the home
PASSWORD = "REDIS_PASSWORD"  # in the environment: no secret is an argument
WITHIN = 5.0  # seconds
AT_ONCE = 500  # keys


@dataclass(frozen=True)
class Kept:
    host: str
    port: int
    password: str
    tls: bool = False

    @property
    def words(self) -> list[str]:
        """For `ray start`; a head's own processes show it to who may see their arguments, as Ray hands it on."""
        return [f"--redis-password={self.password}"] if self.password else []

    def environment(self, cluster: str) -> dict[str, str]:
        address = f"{'rediss://' if self.tls else ''}{self.host}:{self.port}"
        return {"RAY_REDIS_ADDRESS": address, "RAY_external_storage_namespace": cluster}

    def write(self, home: Path) -> None:
        path = home / FILE
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            json.dump(asdict(self), stream)

    def check(self) -> None:
        """Refused where nothing answers there, or not to us: Ray itself would try for minutes."""
        try:
            with _Said(self) as said:
                said.ask("PING")
        except (OSError, ValueError) as error:
            raise SettingRefused(
                f"no Redis answers at {self.host}:{self.port}: {error}", hint="is it up? redis-server --appendonly yes"
            ) from error

    def forget(self, cluster: str) -> None:
        """Nothing of it stays there; unless it is away just now, and then keys of a name that nobody asks for."""
        with suppress(OSError, ValueError, SettingRefused), _Said(self) as said:
            place = b"0"
            while True:
                place, keys = said.ask("SCAN", place, "MATCH", f"RAY{cluster}@*", "COUNT", AT_ONCE)
                if keys:
                    said.ask("UNLINK", *keys)
                if place == b"0":
                    return


def wanted(url: str) -> Kept:
    """From `HOST:PORT`, or a redis:// or rediss:// URL; one that answers."""
    try:
        parts = urlsplit(url if "://" in url else f"redis://{url}")
        host, port, known = parts.hostname, parts.port or 6379, parts.scheme in ("redis", "rediss")
    except ValueError:
        host, port, known = None, 0, False
    if not host or not known or parts.path.strip("/"):
        raise SettingRefused("this is no address of a Redis", hint="write HOST:PORT, or rediss://HOST:PORT for TLS")
    if parts.password or parts.username:
        raise SettingRefused("a password in an address is seen by many", hint=f"put it into {PASSWORD}, for all to use")
    kept = Kept(host, port, os.environ.get(PASSWORD, ""), parts.scheme == "rediss")
    kept.check()
    return kept


def find(home: Path) -> Kept | None:
    with suppress(OSError, ValueError, TypeError):
        return Kept(**json.loads((home / FILE).read_text()))
    return None


class _Said:
    """One connection, for a few questions."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def __enter__(self) -> _Said:
        kept = self._kept
        wire = socket.create_connection((kept.host, kept.port), timeout=WITHIN)
        self._wire = ssl.create_default_context().wrap_socket(wire, server_hostname=kept.host) if kept.tls else wire
        self._answers: BinaryIO = self._wire.makefile("rb")
        try:
            if kept.password:
                self.ask("AUTH", kept.password)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._wire.close()

    def ask(self, *words: str | bytes | int) -> Any:
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self._wire.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self._read()

    def _read(self) -> Any:
        line = self._answers.readline()
        if not line.endswith(b"\r\n"):
            raise ValueError("what answers is no Redis")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            hint = f"set {PASSWORD} to its password" if rest.startswith((b"NOAUTH", b"WRONGPASS")) else None
            raise SettingRefused(f"the Redis at {self._kept.host}:{self._kept.port}: {rest.decode()}", hint=hint)
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self._answers.read(length + 2)[:-2]
        if kind == b"*":
            found: Sequence[Any] = [self._read() for _ in range(int(rest))]
            return found
        if kind in b"+:" and kind:
            return rest
        raise ValueError("what answers is no Redis")
