"""A door before an S3 that refuses some requests as a busy store does, and takes its time with all. For tests only.

Some refusals are of the kind that hurts: the request was carried out, and its answer is lost.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tests.listening import listening

BUSY = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
HOP = ("connection", "transfer-encoding", "keep-alive", "content-length", "date", "server", "expect")


@dataclass
class SlowS3:
    target: str
    url: str = ""
    refused_share: float = 0.0
    lost_share: float = 0.0  # of writes: done, yet answered as if not
    delay: float = 0.0  # seconds that each request waits
    asked: int = 0
    refused: int = 0
    lost: int = 0
    _draw: random.Random = field(default_factory=lambda: random.Random(7))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fate(self, writes: bool) -> str:
        with self._lock:
            self.asked += 1
            drawn = self._draw.random()
            if drawn < self.refused_share:
                self.refused += 1
                return "refused"
            if writes and drawn < self.refused_share + self.lost_share:
                self.lost += 1
                return "lost"
            return "answered"


@contextmanager
def before(target: str, **given: Any) -> Iterator[SlowS3]:
    """Listening, at `url`."""
    door = SlowS3(target, **given)
    host = str(urlsplit(target).netloc)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self._body()
            time.sleep(door.delay)
            fate = door.fate(self.command in ("PUT", "POST", "DELETE"))
            if fate == "refused":
                return self._say(503, [("Content-Type", "application/xml")], BUSY)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            wire = http.client.HTTPConnection(host, timeout=60)
            try:
                wire.request(self.command, self.path, body, headers)
                answer = wire.getresponse()
                content = answer.read()
            finally:
                wire.close()
            if fate == "lost":
                return self._say(503, [("Content-Type", "application/xml")], BUSY)
            length = answer.getheader("Content-Length")
            self._say(answer.status, answer.getheaders(), content, length if self.command == "HEAD" else None)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        def _say(self, status: int, headers: Any, content: bytes, length: str | None = None) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as door.url:
        yield door
