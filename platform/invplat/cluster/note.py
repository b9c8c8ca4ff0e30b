"""The note of the cluster that this home has on this machine: HOME/cluster.json, there while it is up, and its token.

Whoever names its address is let in by the token, which is found by the address: it need not be handed around.
Knows no Ray, only what Ray reads from the environment.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from invplat.cluster import kept
from invplat.cluster.network import Network
from invplat.core.errors import StorageError
from invplat.core.files import write_whole
from invplat.core.process import Process

FILE = "cluster.json"
TOKEN = Path("cluster", "token")  # below the home
SHELL = Path("cluster", "env")  # for a shell that is to run Ray's own programs
OURS = "cluster"  # as an address: the one of this home
HOST = "127.0.0.1"
AT = "INVPLAT_NODE_HOST"  # in a node's environment: its address, where it has one of its own
HEAD = "head"
LONGEST = 32  # letters of the temporary folder's name: sockets below it bear no more than 107


@dataclass(frozen=True)
class Node:
    name: str
    process: Process  # its raylet


@dataclass(frozen=True)
class Note:
    id: str  # what its processes are marked with
    home: Path
    since: str
    starter: Process
    port: int
    cpus: int  # of each node
    dashboard: str | None = None
    nodes: tuple[Node, ...] = ()  # none while it is starting
    network: Network | None = None  # else all are at this machine's own address

    @property
    def address(self) -> str:
        return f"{self.host(HEAD)}:{self.port}"

    def host(self, name: str) -> str:
        return HOST if self.network is None else self.network.host(number(name))

    @property
    def folder(self) -> Path:
        return _folder(self.port)

    @property
    def token(self) -> Path:
        return self.home / TOKEN

    @property
    def up(self) -> bool:
        """Its head is there."""
        return any(node.name == HEAD and node.process.alive for node in self.nodes)

    def environment(self) -> dict[str, str]:
        """By which Ray finds its way in, as a server and as a client; with no secret in it."""
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token),
            # Ray's switch for "this machine only": else it takes the machine's outer address, and opens ports there.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        }


def find(home: Path) -> Note | None:
    """A note that can't be read is none: it was written whole, so somebody else made it."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        content = json.loads((home / FILE).read_text())
        nodes = tuple(Node(node["name"], Process(**node["process"])) for node in content["nodes"])
        starter = Process(**content["starter"])
        network = None if content["network"] is None else Network(**content["network"])
        fields = {name: content[name] for name in ("id", "since", "port", "cpus", "dashboard")}
        return Note(home=home, starter=starter, nodes=nodes, network=network, **fields)
    return None


def write(note: Note) -> None:
    nodes = [asdict(node) | {"pid": node.process.pid} for node in note.nodes]
    content = {name: value for name, value in asdict(note).items() if name != "home"} | {"nodes": nodes}
    text = json.dumps({"address": note.address, **content}, indent=1)
    write_whole(note.home / FILE, f"{text}\n".encode())


def prepare(note: Note) -> bool:
    """Its temporary folder, its token and the note; whether the port was free for it."""
    try:
        note.folder.mkdir(mode=0o700)
    except FileExistsError:
        return False
    path = note.token
    try:
        (note.folder / "home").write_text(str(note.home))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_hex(32))
        lines = {**note.environment(), "RAY_ADDRESS": note.address}.items()
        (note.home / SHELL).write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in lines))
        write(note)
    except OSError as error:
        shutil.rmtree(note.folder, ignore_errors=True)
        raise StorageError(f"{path} can't be written: {error.strerror or error}", hint="give another --home") from error
    return True


def forget(note: Note) -> None:
    (note.home / FILE).unlink(missing_ok=True)
    for path in (note.token, note.home / SHELL, note.home / kept.FILE):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        note.token.parent.rmdir()
    shutil.rmtree(note.folder, ignore_errors=True)


def named(address: str | None, home: Path) -> str | None:
    """The address itself, or that of this home's cluster where it is called `cluster`; as it is where none is up."""
    if address != OURS:
        return address
    found = find(home)
    return address if found is None or not found.nodes else found.address


def at(address: str) -> Note | None:
    """The cluster of that address, if it is one that this very user has on this machine."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return None
    folder = _folder(int(port))
    with suppress(OSError):
        seen = folder.lstat()
        if stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.getuid() and not seen.st_mode & 0o022:
            note = find(Path((folder / "home").read_text()))
            if note is not None and f"{host.replace('localhost', HOST)}:{port}" == note.address:
                return note
    return None


def join(address: str) -> Mapping[str, str]:
    """Set in this process's environment what the cluster at that address asks for; what was set, nothing where it was
    all there or it is none of ours."""
    note = at(address)
    if note is None:
        return {}
    wanted = note.environment()
    changed = {name: value for name, value in wanted.items() if os.environ.get(name) != value}
    os.environ.update(changed)
    os.environ.pop("RAY_AUTH_TOKEN", None)  # of another cluster: it would go before the file
    return changed


def started(note: Note, nodes: tuple[Node, ...], dashboard: str | None) -> Note:
    done = replace(note, nodes=nodes, dashboard=dashboard)
    write(done)
    return done


def number(name: str) -> int:
    """0 is the head."""
    return 0 if name == HEAD else int(name.removeprefix("node-"))


def _folder(port: int) -> Path:
    base = tempfile.gettempdir()
    return Path(base if len(base) <= LONGEST else "/tmp", f"invplat-{os.getuid()}-{port}")


def plain(note: Note) -> dict[str, Any]:
    """For people and machines who want to reach it."""
    return {"address": note.address, "dashboard": note.dashboard, "since": note.since, "cpus": note.cpus}
