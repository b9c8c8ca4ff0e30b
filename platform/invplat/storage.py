"""Bytes by URL: a folder, or any object store that fsspec knows.

Two promises, the same on both: an object is there whole or not at all, and of two writers that `create`
the same key exactly one wins. Knows nothing of what the bytes mean.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from invplat.core.errors import MissingExtra, SettingRefused, StorageError, StorageFull

WRITER = "invplat-writer"  # in the metadata of an S3 object: who created it
# The object stores' drivers raise their own trees besides OSError.
DRIVERS = ("botocore", "aiobotocore", "aiohttp", "gcsfs", "google", "adlfs", "azure")


@dataclass(frozen=True)
class Glance:
    """What can be told of an object without reading it."""

    size: int  # bytes
    age: float | None  # seconds since it was written, by this machine's clock; none where the store doesn't say


class Storage(Protocol):
    """Keys are relative, '/'-separated and made by us; names from outside pass `core.names.folder` first."""

    url: str

    def read(self, key: str) -> bytes: ...
    def write(self, key: str, data: bytes, *, durable: bool = True) -> None:
        """Not durable: whole, and safe from a power cut, only after `settle`; until then for nobody else to read."""
        ...

    def settle(self) -> None:
        """What was written before this call survives a power cut after it."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Write only where nothing is; False when another was first."""
        ...

    def open(self, key: str) -> BinaryIO: ...
    def exists(self, key: str) -> bool: ...
    def glance(self, key: str) -> Glance | None:
        """None where nothing is."""
        ...

    def names(self, prefix: str) -> list[str]:
        """The names directly under a prefix; empty where nothing is."""
        ...

    def remove(self, prefix: str) -> None: ...


def open_storage(url: str) -> Storage:
    """A folder path, file:// URL or object-store URL."""
    if "://" not in url:
        return FolderStorage(Path(url).expanduser())
    if url.startswith("file://"):
        return FolderStorage(Path(url.removeprefix("file://")))
    return ObjectStorage(url)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn the machine's own words into ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                f"no space left while writing {what}",
                hint="free some space and run the command again; nothing that was there before has changed",
            ) from error
        if isinstance(error, FileNotFoundError):
            raise
        if error.errno == errno.EBUSY:
            raise StorageError(
                f"{what}: the object store is too busy, and went on refusing",
                hint="run the command again later; nothing that was there before has changed",
            ) from error
        raise StorageError(f"{what}: {error.strerror or error}") from error
    except Exception as error:
        if type(error).__module__.split(".")[0] not in DRIVERS:
            raise
        # Only its kind: a driver's message may hold addresses and keys.
        raise StorageError(
            f"{what}: the object store can't be reached: {type(error).__name__}",
            hint="check INVPLAT_STORAGE_URL, INVPLAT_STORAGE_OPTIONS and the credentials",
        ) from error


class FolderStorage:
    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.url = str(self.root)

    def path(self, key: str) -> Path:
        parts = key.split("/")
        if not key or any(part in ("", ".", "..") for part in parts):
            raise StorageError(f"storage key {key!r} is not a plain relative path")
        return self.root.joinpath(*parts)

    def read(self, key: str) -> bytes:
        with told(key):
            return self.path(key).read_bytes()

    def write(self, key: str, data: bytes, *, durable: bool = True) -> None:
        path = self.path(key)
        with told(key):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._temporary(path, data, durable)
            if temporary != path:
                os.replace(temporary, path)

    def settle(self) -> None:
        os.sync()

    def create(self, key: str, data: bytes) -> bool:
        path = self.path(key)
        with told(key):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._temporary(path, data)
            try:
                os.link(
                    temporary, path
                )  # fails where the name is taken: the one atomic test-and-set every file system has
            except FileExistsError:
                return False
            finally:
                temporary.unlink()
            return True

    def _temporary(self, path: Path, data: bytes, durable: bool = True) -> Path:
        """Beside the path; for what is not durable the path itself, as nobody reads it yet: half the calls, and a
        dataset is hundreds of small files."""
        temporary = path.with_name(f".{secrets.token_hex(6)}.part") if durable else path
        try:
            with temporary.open("wb", buffering=0) as stream:
                left = memoryview(data)
                while left:
                    left = left[stream.write(left) :]
                if durable:
                    os.fsync(stream.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def open(self, key: str) -> BinaryIO:
        return self.path(key).open("rb")

    def exists(self, key: str) -> bool:
        return self.path(key).exists()

    def glance(self, key: str) -> Glance | None:
        with told(key):
            try:
                found = self.path(key).stat()
            except FileNotFoundError:
                return None
        return Glance(found.st_size, time.time() - found.st_mtime)

    def names(self, prefix: str) -> list[str]:
        folder = self.path(prefix)
        if not folder.is_dir():
            return []
        return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))

    def remove(self, prefix: str) -> None:
        path = self.path(prefix)
        with told(prefix):
            if path.is_dir():
                shutil.rmtree(path, onerror=_unless_gone)
            else:
                path.unlink(missing_ok=True)


def _unless_gone(function: Any, path: str, trouble: Any) -> None:
    """Two may remove the same folder at once."""
    if not isinstance(trouble[1], FileNotFoundError):
        raise trouble[1]


class ObjectStorage:
    """S3 and its kin. Options such as the endpoint: INVPLAT_STORAGE_OPTIONS (JSON) or the store's own variables."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.files, self.root = filesystem(self.url)

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"

    def read(self, key: str) -> bytes:
        with told(key):
            data: bytes = self.files.cat_file(self._path(key))
            return data

    def write(self, key: str, data: bytes, *, durable: bool = True) -> None:
        with told(key):
            self.files.pipe_file(self._path(key), data)

    def settle(self) -> None:
        """An object store answers only when the object is safe."""

    def create(self, key: str, data: bytes) -> bool:
        mark = secrets.token_hex(8)
        marked = {"Metadata": {WRITER: mark}} if "s3" in self.files.protocol else {}
        with told(key):
            try:
                self.files.pipe_file(self._path(key), data, mode="create", **marked)
            except FileExistsError:
                # A busy store may say no to what it has done, and the driver then asks again: it may be ours.
                return bool(marked) and self._writer(key) == mark
            return True

    def _writer(self, key: str) -> str | None:
        with suppress(FileNotFoundError):
            found: str | None = self.files.metadata(self._path(key), refresh=True).get(WRITER)
            return found
        return None

    def open(self, key: str) -> BinaryIO:
        stream: BinaryIO = self.files.open(self._path(key), "rb")
        return stream

    def exists(self, key: str) -> bool:
        with told(key):
            self.files.invalidate_cache()
            return bool(self.files.exists(self._path(key)))

    def glance(self, key: str) -> Glance | None:
        with told(key):
            self.files.invalidate_cache()
            try:
                found = self.files.info(self._path(key))
            except FileNotFoundError:
                return None
        return Glance(int(found["size"] or 0), _age(found))

    def names(self, prefix: str) -> list[str]:
        try:
            with told(prefix):
                self.files.invalidate_cache()
                found = self.files.ls(self._path(prefix), detail=False)
        except FileNotFoundError:
            return []
        return sorted(str(path).rstrip("/").rsplit("/", 1)[-1] for path in found)

    def remove(self, prefix: str) -> None:
        with told(prefix):
            self.files.invalidate_cache()
            if self.files.exists(self._path(prefix)):
                with suppress(FileNotFoundError):  # two may remove the same prefix at once
                    self.files.rm(self._path(prefix), recursive=True)


def _age(found: Mapping[str, Any]) -> float | None:
    """Each driver has a word of its own for when an object was written."""
    moments = (found.get(name) for name in ("LastModified", "last_modified", "mtime", "created"))
    moment = next((one for one in moments if isinstance(one, datetime)), None)
    return None if moment is None else time.time() - moment.timestamp()


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL and the path inside it."""
    import fsspec

    text = os.environ.get("INVPLAT_STORAGE_OPTIONS", "")
    try:
        options = json.loads(text) if text else {}
        if not isinstance(options, dict):
            raise ValueError("not an object")
    except ValueError as error:
        raise SettingRefused(
            "INVPLAT_STORAGE_OPTIONS is not a JSON object", hint='for example {"endpoint_url": "http://localhost:9000"}'
        ) from error
    scheme = url.split("://", 1)[0]
    try:
        files, path = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        extra = "invplat[s3]" if scheme in ("s3", "s3a") else f"the fsspec driver for {scheme}://"
        raise MissingExtra(f"{scheme}:// needs a package that is not installed", hint=f"pip install {extra}") from error
    except ValueError as error:
        raise SettingRefused(
            f"no way to open {scheme}:// addresses: {error}", hint="use a folder, s3://, gs:// or abfs://"
        ) from error
    return files, str(path).rstrip("/")
