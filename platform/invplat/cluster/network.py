"""A network of the nodes' own, which root can have: the head stays in the machine's, each other node is in a network
namespace with an address of its own, and all are on one bridge. So a node can be cut off as by a cable pulled.

They reach each other, and nothing beyond this machine. Knows no Ray; all is done by iproute2's `ip`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from invplat.core.errors import InvplatError, SettingRefused

RANGE = ("198.18", "198.19")  # by RFC 2544 for what is tried out: nobody's network


@dataclass(frozen=True)
class Network:
    name: str  # of its bridge; each node's namespace and wire have it and a number
    prefix: str  # of its addresses: the head is .1

    def host(self, number: int) -> str:
        return f"{self.prefix}.{number + 1}"

    def inside(self, number: int) -> list[str]:
        """What a command begins with that is to run on that node; the head is here."""
        return ["ip", "netns", "exec", self._space(number)] if number else []

    def make(self, count: int) -> None:
        self.remove()  # named by a port that nobody has: what still has the name was left by one that was killed
        _ip("link", "add", self.name, "type", "bridge")
        _ip("addr", "add", f"{self.host(0)}/24", "dev", self.name)
        _ip("link", "set", self.name, "up")
        for number in range(1, count):
            space = self._space(number)
            _ip("netns", "add", space)
            _ip("link", "add", space, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", space, "master", self.name, "up")
            _ip("-n", space, "addr", "add", f"{self.host(number)}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")
            _ip("-n", space, "link", "set", "lo", "up")

    def cut(self, number: int) -> None:
        _ip("link", "set", self._space(number), "down")

    def back(self, number: int) -> None:
        _ip("link", "set", self._space(number), "up")

    def remove(self) -> None:
        """Whatever of it is there."""
        spaces = [line.split()[0] for line in _ip("netns", "list").splitlines() if line.strip()]
        for space in spaces:
            if space.startswith(f"{self.name}-"):
                with suppress(InvplatError):
                    _ip("link", "del", space)  # its wire has its name
                with suppress(InvplatError):
                    _ip("netns", "del", space)
        with suppress(InvplatError):
            _ip("link", "del", self.name)

    def _space(self, number: int) -> str:
        return f"{self.name}-{number}"


def free(port: int) -> Network:
    """One whose addresses nobody has here; refused where this process may have none."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        raise SettingRefused("only root can have network namespaces, by the program ip", hint="leave out --namespaces")
    taken = _ip("-o", "-4", "addr", "show")
    prefix = next(each for each in _prefixes(port) if f" {each}." not in taken)
    return Network(f"ivp{port}", prefix)


def _prefixes(port: int) -> Iterator[str]:
    for step in range(512):
        place = (port + step) % 512
        yield f"{RANGE[place // 256]}.{place % 256}"


def _ip(*words: str) -> str:
    ended = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise InvplatError(
            f"ip {' '.join(words)}: {ended.stderr.strip() or ended.returncode}",
            hint="the system allows no networks of one's own here: leave out --namespaces",
        )
    return ended.stdout
