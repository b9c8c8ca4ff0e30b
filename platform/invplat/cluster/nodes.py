"""A Ray of several nodes on this machine: brought up, one of them lost, taken down.

Each node is a raylet with processors, a memory and a folder of its own, so it can die as a machine dies. All ports are
this machine's own, and a token guards them. What is half up is taken down again.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from invplat.cluster import note as notes
from invplat.cluster import processes
from invplat.cluster.note import HEAD, HOST, Node, Note
from invplat.core.errors import Conflict, InvplatError, StorageError, Unknown
from invplat.core.process import Process

OBJECT_STORE = 200 * 1024**2  # bytes of each node
LEFT = 0.2  # part of the machine's memory that is nobody's
PORTS_TRIED = 20
UP_WITHIN = 180.0  # seconds
DOWN = "invplat cluster down"


def up(
    home: Path,
    count: int,
    cpus: int,
    *,
    dashboard: bool,
    told: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
) -> Note:
    """`environment`: what its processes find in theirs besides, secrets too."""
    with _alone(home):
        found = notes.find(home)
        if found is not None:
            _refuse(found)
            told("what was left of an earlier cluster is cleared away")
            _clear(found)
        note = _claimed(home, cpus)
        try:
            with ExitStack() as held:
                port = held.enter_context(socket.create_server((HOST, 0))).getsockname()[1] if dashboard else None
            url = None if port is None else f"http://{HOST}:{port}"
            given = environment or {}
            names = [HEAD, *(f"node-{number}" for number in range(1, count))]
            share = int(_memory() * (1 - LEFT) / count)
            _wait(note, {HEAD: _start(note, HEAD, share, _leads(note, port), given)})
            told(f"{HEAD} is up" if count > 1 else f"{HEAD} is up, and all there is")
            joins = [f"--address={note.address}"]
            _wait(note, {name: _start(note, name, share, joins, given) for name in names[1:]})
            return notes.started(note, tuple(_node(note, name) for name in names), url)
        except BaseException:
            _clear(note, grace=0)
            raise


def down(home: Path) -> int | None:
    """How many processes were ended; none where nothing was up."""
    with _alone(home):
        found = notes.find(home)
        if found is None:
            return None
        _seen(found)
        return _clear(found)


def kill(home: Path, name: str) -> int:
    """A node lost all at once, as when its plug is pulled; how many processes were killed."""
    found = notes.find(home)
    if found is None:
        raise Unknown(f"no cluster of {home} is up", hint="invplat cluster up --nodes 3")
    _seen(found)
    names = [node.name for node in found.nodes]
    if name not in names:
        raise Unknown(f"there is no node {name!r}", hint=f"the nodes are {', '.join(names) or 'still starting'}")
    killed = processes.end(found.id, name, grace=0)
    if not killed:
        raise Conflict(f"{name} is dead already", hint="see who lives: invplat cluster status")
    return killed


def _leads(note: Note, dashboard: int | None) -> list[str]:
    with socket.create_server((HOST, 0)) as held:
        client = held.getsockname()[1]
    words = ["--head", f"--port={note.port}", f"--ray-client-server-port={client}"]
    words.append(f"--include-dashboard={'false' if dashboard is None else 'true'}")
    return words if dashboard is None else [*words, f"--dashboard-host={HOST}", f"--dashboard-port={dashboard}"]


def _start(
    note: Note, name: str, memory: int, words: Sequence[str], given: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    folder = note.folder / name
    folder.mkdir()
    sizes = [f"--num-cpus={note.cpus}", "--num-gpus=0", f"--memory={memory}", f"--object-store-memory={OBJECT_STORE}"]
    places = [f"--temp-dir={folder}", f"--labels=invplat-node={name}", "--dashboard-agent-listen-port=0"]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("RAY_") and key != "INVPLAT_ADDRESS"}
    environment = {**kept, **given} | note.environment() | processes.mark(note.id, name)
    environment |= {"RAY_USAGE_STATS_ENABLED": "0", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{_path()}"}
    with (note.folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "invplat.cluster.node",
                "start",
                *sizes,
                *places,
                "--include-log-monitor=false",
                *words,
            ],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C is for whoever waits
        )


def _wait(note: Note, started: dict[str, subprocess.Popen[bytes]]) -> None:
    """Until each is up: `ray start` ends then."""
    for name, process in started.items():
        try:
            code = process.wait(UP_WITHIN)
        except subprocess.TimeoutExpired:
            code = None
        if code == 0:
            continue
        said = (note.folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
        why = f"is not up after {UP_WITHIN:.0f} seconds" if code is None else "did not start"
        raise InvplatError(
            f"{name} {why}: {' '.join(said[-3:])[-400:] or f'it ended with {code}'}",
            hint="fewer --nodes need less memory; what had been started is gone again",
        )


def _node(note: Note, name: str) -> Node:
    pid = processes.called(note.id, name, "raylet")
    if pid is None:
        raise InvplatError(
            f"{name} is gone as soon as it was up", hint="is there memory for it? Fewer --nodes need less"
        )
    return Node(name, Process.of(pid))


def _claimed(home: Path, cpus: int) -> Note:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    for _ in range(PORTS_TRIED):
        with socket.create_server((HOST, 0)) as held:
            port = held.getsockname()[1]
            note = Note(secrets.token_hex(8), home, since, Process.this(), port, cpus)
            if notes.prepare(note):
                return note
    raise StorageError("no port is free for a cluster", hint="look at what listens: ss -ltn")


def _refuse(found: Note) -> None:
    _seen(found)
    if found.up:
        dead = [node.name for node in found.nodes if not node.process.alive]
        but = f", though {' and '.join(dead)} {'is' if len(dead) == 1 else 'are'} dead" if dead else ""
        raise Conflict(
            f"a cluster of {len(found.nodes)} nodes is up at {found.address}{but}",
            hint=f"use it: --address cluster; or end it first: {DOWN}",
        )


def _seen(found: Note) -> None:
    host = found.starter.host
    if host != Process.this().host:
        raise Conflict(
            f"the cluster of {found.home} is on {host or 'another machine'}, which can't be reached from here",
            hint=f"do it there, or give another --home; if it is gone, remove {found.home / notes.FILE}",
        )


def _clear(note: Note, *, grace: float = processes.GRACE) -> int:
    ended = processes.end(note.id, grace=grace)
    notes.forget(note)
    return ended


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Of two that start or end one at once, the second sees what the first has done."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = open(home / f".{notes.FILE}.lock", "a")  # noqa: SIM115
    except OSError as error:
        raise StorageError(f"{home} can't be written: {error.strerror or error}", hint="give another --home") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _path() -> str:
    return os.environ.get("PATH", os.defpath)
