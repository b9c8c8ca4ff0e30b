"""Where a source's bytes are: a local file, the inside of a gzip, a member of a zip.

Knows how to open, measure and fingerprint bytes and what their trouble is called; knows nothing of rows.
"""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from invplat.core.errors import SourceError

HASHED = 1 << 20


class Place(Protocol):
    """Duties: every trouble while opening or reading is a SourceError that names the place and no secret."""

    name: str
    label: str
    size: int | None

    def open(self) -> BinaryIO: ...
    def reading(self) -> AbstractContextManager[None]:
        """Put around every read of what `open` gave."""
        ...

    def fingerprint(self) -> str: ...


@contextmanager
def told(name: str) -> Iterator[None]:
    """Damaged, locked and vanished files in our words."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceError(f"{name} is not there any more", hint="put it back and run the command again") from error
    except PermissionError as error:
        raise SourceError(f"{name} may not be read", hint="ask its owner for permission to read it") from error
    except IsADirectoryError as error:
        raise SourceError(f"{name} is a folder, not a file", hint="name the files in it") from error
    except EOFError as error:
        raise SourceError(f"{name} ends too early: the file is cut off", hint="copy or download it again") from error
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise SourceError(f"{name} is damaged: {error}", hint="copy or download it again") from error
    except NotImplementedError as error:
        raise SourceError(
            f"{name} is packed in a way that can't be read: {error}", hint="pack it again as a plain zip or gzip"
        ) from error
    except OSError as error:
        raise SourceError(
            f"{name} can't be read: {error.strerror or error}", hint="check the disk or the connection and try again"
        ) from error


def fingerprint_of(place: Place) -> str:
    """For lineage, not for security: fast matters, an adversary doesn't."""
    import xxhash

    digest = xxhash.xxh3_128()
    room = memoryview(bytearray(HASHED))  # one buffer: fresh memory for every read costs more than the hash
    with place.reading(), place.open() as stream:
        while size := stream.readinto(room):  # type: ignore[attr-defined]
            digest.update(room[:size])
    return f"xxh3:{digest.hexdigest()}"


class LocalFile:
    def __init__(self, path: Path, label: str = "") -> None:
        self.path = path
        self.name = str(path)
        self.label = label or path.name
        with told(self.name):
            self.size: int | None = path.stat().st_size

    def open(self) -> BinaryIO:
        with told(self.name):
            return self.path.open("rb", buffering=0)

    def reading(self) -> AbstractContextManager[None]:
        return told(self.name)

    def fingerprint(self) -> str:
        return fingerprint_of(self)


@dataclass
class Gzipped:
    """The unpacked bytes of a gzip. Its fingerprint is that of the packed file: no need to unpack twice."""

    inner: Place

    def __post_init__(self) -> None:
        self.name = self.inner.name
        self.label = self.inner.label.removesuffix(".gz")
        self.size: int | None = self.inner.size

    def open(self) -> BinaryIO:
        with self.reading():
            return cast(BinaryIO, _OwnedGzip(self.inner.open()))

    def reading(self) -> AbstractContextManager[None]:
        return _both(self.inner)

    def fingerprint(self) -> str:
        return self.inner.fingerprint()


class _OwnedGzip(gzip.GzipFile):
    """GzipFile leaves a stream that it was given open; this one owns it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        super().__init__(fileobj=stream, mode="rb")

    def close(self) -> None:
        super().close()
        self.stream.close()


class Member:
    """One file inside a zip, read in place: nothing is unpacked to disk, so a member's name can't lead anywhere."""

    def __init__(self, archive: Place, member: zipfile.ZipInfo) -> None:
        self.archive = archive
        self.member = member
        self.name = f"{archive.name}::{member.filename}"
        self.label = member.filename.rsplit("/", 1)[-1]
        self.size: int | None = member.file_size

    def open(self) -> BinaryIO:
        if self.member.flag_bits & 0x1:
            raise SourceError(
                f"{self.name} is locked with a password", hint="unpack it yourself and give the files inside"
            )
        with self.reading():
            return cast(BinaryIO, _OwnedMember(self.archive.open(), self.member))

    def reading(self) -> AbstractContextManager[None]:
        return _both(self.archive, self.name)

    def fingerprint(self) -> str:
        return fingerprint_of(self)


class _OwnedMember:
    def __init__(self, stream: BinaryIO, member: zipfile.ZipInfo) -> None:
        self.stream = stream
        try:
            archive = zipfile.ZipFile(stream)
            self.opened = archive.open(member)
        except BaseException:
            stream.close()
            raise

    def readinto(self, room: memoryview) -> int:
        data = self.read(len(room))
        room[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        return self.opened.read(size)

    def close(self) -> None:
        self.opened.close()
        self.stream.close()

    def __enter__(self) -> _OwnedMember:
        return self

    def __exit__(self, *trouble: object) -> None:
        self.close()


@contextmanager
def _both(inner: Place, name: str = "") -> Iterator[None]:
    with inner.reading(), told(name or inner.name):
        yield


def members(archive: Place) -> list[zipfile.ZipInfo]:
    """The files in a zip, without folders and what macOS hides there."""
    with archive.reading(), told(archive.name), archive.open() as stream, zipfile.ZipFile(stream) as opened:
        found = [info for info in opened.infolist() if not info.is_dir()]
    return sorted((info for info in found if not _hidden(info.filename)), key=lambda info: info.filename)


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) and part.strip(".") for part in name.split("/"))
