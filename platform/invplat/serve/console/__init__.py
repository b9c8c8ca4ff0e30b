"""The page for planners at `/`, and the API's description at `/docs`: files beside this one, safely headed.

Every file lies under a path that holds the digest of all of them, so a browser keeps it for ever and a new release is
seen at once. Only names read at the start are served: no path from outside touches the disk. Knows nothing of what the
page shows; it asks the API like any other client.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files

from fastapi import APIRouter, Request, Response

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
INDEX, DOCS = PAGES = ("index.html", "docs.html")
HEAD = "head.html"  # what the heads of all pages begin with
DIGEST, BEGINNING = b"{digest}", b"{head}"  # in a page, where its files' folder and that are to stand
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # innerHTML and its kin are refused, whoever should write one
    ]
)
GUARDS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
CHECKED = "no-cache"  # kept, but asked for each time: 304 where it is the same
KEPT = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class File:
    type: str
    body: bytes
    packed: bytes  # gzip
    tag: str


@cache
def release() -> tuple[str, dict[str, File]]:
    """The digest of all files, and each by its name."""
    found = {
        one.name: one.read_bytes()
        for one in sorted(files(__name__).iterdir(), key=lambda one: one.name)
        if one.is_file() and _ending(one.name) in TYPES
    }
    every = blake2b(digest_size=8)
    for name, body in found.items():
        every.update(name.encode() + b"\0" + body + b"\0")
    digest = every.hexdigest()
    head = found.pop(HEAD).strip()
    found |= {page: found[page].replace(BEGINNING, head).replace(DIGEST, digest.encode()) for page in PAGES}
    return digest, {name: _file(name, body) for name, body in found.items()}


@router.api_route("/", methods=["GET", "HEAD"])
async def index(request: Request) -> Response:
    return _answer(request, release()[1][INDEX], CHECKED)


@router.api_route("/docs", methods=["GET", "HEAD"])
async def docs(request: Request) -> Response:
    """The OpenAPI document, drawn by our own page: nobody else's server is asked."""
    return _answer(request, release()[1][DOCS], CHECKED)


@router.api_route("/console/{name}", methods=["GET", "HEAD"])
async def asset(request: Request, name: str) -> Response:
    return _named(request, name, CHECKED)


@router.api_route("/console/{digest}/{name}", methods=["GET", "HEAD"])
async def kept(request: Request, digest: str, name: str) -> Response:
    """A digest of another release, as there is while one replaces another, gets the present file, to ask for again."""
    return _named(request, name, KEPT if digest == release()[0] else CHECKED)


def _named(request: Request, name: str, caching: str) -> Response:
    found = release()[1].get(name)
    if found is None:
        return Response("There is no such file.\n", 404, GUARDS, "text/plain; charset=utf-8")
    return _answer(request, found, caching)


def _answer(request: Request, file: File, caching: str) -> Response:
    headers = {**GUARDS, "Cache-Control": caching, "ETag": file.tag, "Vary": "Accept-Encoding"}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if file.tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, 200, {**headers, "Content-Encoding": "gzip"}, file.type)
    return Response(file.body, 200, headers, file.type)


def _file(name: str, body: bytes) -> File:
    tag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
    return File(TYPES[_ending(name)], body, gzip.compress(body, 9, mtime=0), tag)


def _ending(name: str) -> str:
    return "." + name.rpartition(".")[2]
