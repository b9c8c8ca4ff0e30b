"""A Ray of several nodes on this machine: brought up, one of them lost or cut off, brought back, taken down.

Each node is a raylet with processors, a memory and a folder of its own, so it can die as a machine dies. All ports are
this machine's own, and a token guards them. What is half up is taken down again. A head that comes back knows what
Redis has kept of it; without one, what it knew is lost with it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from invplat.cluster import kept, network, processes
from invplat.cluster import note as notes
from invplat.cluster.kept import Kept
from invplat.cluster.note import AT, HEAD, HOST, Node, Note, number
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
    redis: Kept | None = None,
    namespaces: bool = False,
) -> Note:
    """`environment`: what its processes find in theirs besides, secrets too. `redis`: where the head keeps what it
    knows. `namespaces`: nodes that can be cut off."""
    with _alone(home):
        found = notes.find(home)
        if found is not None:
            _refuse(found)
            told("what was left of an earlier cluster is cleared away")
            _clear(found)
        note = _claimed(home, cpus, namespaces)
        try:
            if redis is not None:
                redis.write(home)
            if note.network is not None:
                note.network.make(count)
            with ExitStack() as held:
                port = held.enter_context(socket.create_server((HOST, 0))).getsockname()[1] if dashboard else None
            url = None if port is None else f"http://{HOST}:{port}"
            given = environment or {}
            names = [HEAD, *(f"node-{each}" for each in range(1, count))]
            _begin(note, [HEAD], count, port, given)
            told(f"{HEAD} is up" if count > 1 else f"{HEAD} is up, and all there is")
            _begin(note, names[1:], count, port, given)
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
    found = _up(home, name)
    killed = processes.end(found.id, name, grace=0)
    if not killed:
        raise Conflict(f"{name} is dead already", hint="see who lives: invplat cluster status")
    return killed


def heal(
    home: Path, *, told: Callable[[str], None], environment: Mapping[str, str] | None = None
) -> tuple[list[str], Note]:
    """Every node that is dead is started anew, the head first and at its old address; which they were."""
    with _alone(home):
        found = _up(home)
        lost = [node.name for node in found.nodes if not node.process.alive]
        redis = kept.find(home)
        if HEAD in lost and redis is None:
            raise Conflict(
                "the head is lost, and nothing has kept what it knew",
                hint=f"{DOWN}; a cluster whose head may come back: invplat cluster up --redis HOST:PORT",
            )
        if HEAD in lost and redis is not None:
            redis.check()
        count, port = len(found.nodes), None if found.dashboard is None else int(found.dashboard.rpartition(":")[2])
        for names in ([HEAD] if HEAD in lost else [], [name for name in lost if name != HEAD]):
            for name in names:
                processes.end(found.id, name, grace=0)  # what its raylet has left
                shutil.rmtree(found.folder / name, ignore_errors=True)
            _begin(found, names, count, port, environment or {})
            if names:
                told(f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} up again")
        nodes = tuple(_node(found, node.name) if node.name in lost else node for node in found.nodes)
        return lost, notes.started(found, nodes, found.dashboard)


def cut(home: Path, name: str, *, back: bool = False) -> None:
    """Nothing reaches the node any more, nor comes from it; `back`: as if the cable were put in again."""
    found = _up(home, name)
    if found.network is None:
        raise Conflict("its nodes share this machine's address", hint="invplat cluster up --namespaces, as root")
    if name == HEAD:
        raise Conflict("the head is on this machine's own network", hint="cut another off, or kill the head")
    (found.network.back if back else found.network.cut)(number(name))


def _up(home: Path, name: str | None = None) -> Note:
    """The cluster, and it has a node of that name."""
    found = notes.find(home)
    if found is None:
        raise Unknown(f"no cluster of {home} is up", hint="invplat cluster up --nodes 3")
    _seen(found)
    names = [node.name for node in found.nodes]
    if name is not None and name not in names:
        raise Unknown(f"there is no node {name!r}", hint=f"the nodes are {', '.join(names) or 'still starting'}")
    return found


def _begin(note: Note, names: Sequence[str], count: int, dashboard: int | None, given: Mapping[str, str]) -> None:
    """All of them at once, until each is up."""
    share = int(_memory() * (1 - LEFT) / count)
    started = {}
    for name in names:
        redis = kept.find(note.home) if name == HEAD else None
        words = [f"--address={note.address}"] if name != HEAD else _leads(note, dashboard)
        more = {} if redis is None else redis.environment(note.id)
        started[name] = _start(note, name, share, words + ([] if redis is None else redis.words), {**given, **more})
    _wait(note, started)


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
    environment |= {AT: note.host(name)}
    environment |= {"RAY_USAGE_STATS_ENABLED": "0", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{_path()}"}
    with (note.folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [
                *(note.network.inside(number(name)) if note.network is not None else []),
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


def _claimed(home: Path, cpus: int, namespaces: bool) -> Note:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    for _ in range(PORTS_TRIED):
        with socket.create_server((HOST, 0)) as held:
            port = held.getsockname()[1]
            own = network.free(port) if namespaces else None
            note = Note(secrets.token_hex(8), home, since, Process.this(), port, cpus, network=own)
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
    if note.network is not None:
        note.network.remove()
    if redis := kept.find(note.home):
        redis.forget(note.id)
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
