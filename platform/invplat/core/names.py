"""What a tenant, a store and a SKU may be called, and how any name becomes a safe folder name.

A tenant's name, a model's and a study's is chosen by an operator and appears in URLs and paths, so it is strict.
Store and SKU names come from a business's own files; they are data, kept as they are, and only ever reach a path
percent-encoded.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from urllib.parse import quote

from invplat.core.errors import NameRefused

TENANT = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
MAX_NAME = 120  # characters of a store or SKU name; longer ones are somebody's free text in the wrong column


def check_tenant(name: str) -> str:
    """Return the name, or refuse it: lower-case letters, digits, '-' and '_', 1 to 63 characters."""
    return _strict(name, "tenant", "my-business")


def check_model(name: str) -> str:
    """Return the name of a model, or refuse it; the rule is the tenants'."""
    return _strict(name, "model", "my-model")


def check_study(name: str) -> str:
    """Return the name of a study, or refuse it; the rule is the tenants'."""
    return _strict(name, "study", "my-study")


def _strict(name: str, what: str, example: str) -> str:
    if TENANT.fullmatch(name):
        return name
    shown = name if len(name) <= 40 else name[:37] + "..."
    suggestion = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:63].strip("-_")
    raise NameRefused(
        f"{what} name {shown!r} is not allowed: 1 to 63 of a-z, 0-9, '-' and '_', "
        "beginning and ending with a letter or digit",
        hint=f"write for example: {suggestion or example}",
    )


def folder(name: str) -> str:
    """A name from outside as one path segment: never '.', '..' or hidden, two names never the same segment."""
    encoded = quote(name, safe=" ").replace(" ", "+").replace(".", "%2E")
    if len(encoded) > 200:  # file systems stop at 255 bytes; encoding can triple a name
        return encoded[:160].rstrip("%") + "~" + blake2b(name.encode(), digest_size=8).hexdigest()
    return encoded
