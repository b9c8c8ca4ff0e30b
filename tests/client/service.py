"""A little HTTP server that does as it is told, once a request: answers, refuses, cuts short, hangs up, hangs."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Turn = Callable[["Handler"], None]
JSON = "application/json"


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int  # of the client: the same for what came over one connection


@dataclass
class Service:
    """What is left to do, what was asked; where nothing is left to do, every question is answered with `usual`."""

    usual: Turn
    turns: list[Turn] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)  # ends every hang
    url: str = ""

    def first(self, *turns: Turn) -> None:
        self.turns += turns


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def do_POST(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        service = self.service
        service.seen.append(Seen(self.command, self.path, dict(self.headers), body, self.client_address[1]))
        (service.turns.pop(0) if service.turns else service.usual)(self)

    def say(self, status: int, content: bytes, kind: str = JSON, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that hung up is part of the play."""


def json_of(content: object) -> Turn:
    return lambda handler: handler.say(200, json.dumps(content).encode())


def problem(status: int, content: dict[str, Any] | None = None, **headers: str) -> Turn:
    told = json.dumps({"title": "no", "status": status, "detail": f"told {status}", **(content or {})}).encode()
    return lambda handler: handler.say(status, told, "application/problem+json", **headers)


def reset(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def no_word(handler: Handler) -> None:
    handler.hang_up()


def cut_short(handler: Handler) -> None:
    handler.say(200, b'{"forecasts": [', length=1000)
    handler.hang_up()


def nonsense(handler: Handler) -> None:
    handler.say(200, b"<html>not this</html>", "text/html")


def not_yet(handler: Handler) -> None:
    """Ray Serve's front, before it knows whom to ask."""
    said = b"Path '/v1/tenants/shop/forecasts' not found. Ping http://.../-/routes for available routes."
    handler.say(404, said, "text/plain")


def hang(handler: Handler) -> None:
    handler.service.release.wait()
    handler.hang_up()
