"""A file as a bundle's seal names it, with size and hash: what was cut off, replaced or altered since is refused.

So is what is made of pickle, by its name before it is read, by its first bytes afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xxhash import xxh3_128_hexdigest

from invplat.core.errors import BundleRefused
from invplat.storage import Storage

PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]*")
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt")
NEVER = "invplat reads safetensors and JSON only, as unpickling runs whatever the file says; train or export it again"
AGAIN = "restore it from a backup, or use another version of the model"


@dataclass(frozen=True)
class File:
    name: str
    size: int  # bytes
    hash: str

    @classmethod
    def of(cls, data: bytes, name: str, digits: int | None = None) -> File:
        """`name`: with {} where its hash is to stand, or the first `digits` of it."""
        digest = xxh3_128_hexdigest(data)
        return cls(name.format(digest[:digits]), len(data), digest)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "bytes": self.size, "xxh3": self.hash}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> File:
        name = str(raw["name"])
        if name.endswith(PICKLES):
            raise BundleRefused(f"{name} is made of pickle", hint=NEVER)
        if not PLAIN.fullmatch(name):
            raise ValueError(f"{name!r} is no plain name of a file")
        return cls(name, int(raw["bytes"]), str(raw["xxh3"]))


def read(storage: Storage, key: str, file: File) -> bytes:
    """The very bytes that were sealed."""
    try:
        data = storage.read(key)
    except FileNotFoundError as error:
        raise BundleRefused(f"{key} is missing from its bundle", hint=AGAIN) from error
    if len(data) != file.size:
        raise BundleRefused(f"{key} has {len(data):,} bytes of {file.size:,}: it was cut off or replaced", hint=AGAIN)
    if xxh3_128_hexdigest(data) != file.hash:
        raise BundleRefused(f"{key} was altered: its hash is not the one that was sealed", hint=AGAIN)
    return data


def pickled(data: bytes) -> bool:
    """What torch.save and pickle write. A safetensors header of 640 bytes begins like a pickle, save for its brace."""
    return data.startswith(b"PK\x03\x04") or (data[:1] == b"\x80" and data[1:2] <= b"\x05" and data[8:9] != b"{")
