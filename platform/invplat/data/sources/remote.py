"""Files on object storage, or anywhere else fsspec reaches: read as a stream, never copied to disk first.

An object that vanishes or changes while it is read is an error, never a mixture of two. Knows nothing of rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO

from invplat.core.errors import SourceError
from invplat.data.sources.files import fingerprint_of, told

AHEAD = 4 << 20  # bytes fetched at a time; s3fs alone would take 50 MB
# The stores' drivers raise their own trees besides OSError.
DRIVERS = ("botocore", "aiobotocore", "aiohttp", "gcsfs", "google", "adlfs", "azure")


def hide_secrets(url: str) -> str:
    """The URL without what stands before an @ in its host, and without signed query parameters."""
    return re.sub(r"\?.*", "", re.sub(r"://[^/@]*@", "://***@", url))


@contextmanager
def reached(name: str) -> Iterator[None]:
    """The store's own trouble in our words; its messages may hold addresses and keys, so only their kind is told."""
    try:
        with told(name):
            yield
    except Exception as error:
        if type(error).__module__.split(".")[0] not in DRIVERS:
            raise
        raise SourceError(
            f"{name} can't be reached: {type(error).__name__}",
            hint="check the address, the credentials and INVPLAT_STORAGE_OPTIONS or AWS_ENDPOINT_URL",
        ) from error


class RemoteFile:
    def __init__(self, files: Any, path: str, url: str) -> None:
        self.files = files
        self.path = path
        self.name = hide_secrets(url)
        self.label = path.rsplit("/", 1)[-1]
        with reached(self.name):
            size = files.info(path).get("size")
        self.size: int | None = None if size is None else int(size)

    def open(self) -> BinaryIO:
        with reached(self.name):
            stream: BinaryIO = self.files.open(self.path, "rb", block_size=AHEAD, cache_type="readahead")
        return stream

    def reading(self) -> AbstractContextManager[None]:
        return self._unchanged()

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        with reached(self.name):
            before = self._identity()
        try:
            with reached(self.name):
                yield
        except SourceError as error:
            if type(error.__cause__).__name__ == "FileExpired":
                raise self._changed() from error
            raise
        with reached(self.name):
            after = self._identity()
        if after != before:
            raise self._changed()

    def _changed(self) -> SourceError:
        return SourceError(
            f"{self.name} was changed while it was read", hint="run the command again when its upload is done"
        )

    def _identity(self) -> tuple[str, ...]:
        self.files.invalidate_cache()
        info = self.files.info(self.path)
        return tuple(
            str(info.get(key)) for key in ("ETag", "etag", "md5Hash", "size", "LastModified", "mtime", "created")
        )

    def fingerprint(self) -> str:
        """The store's own checksum where it keeps one, else a hash of the bytes."""
        with reached(self.name):
            self.files.invalidate_cache()
            info = self.files.info(self.path)
        tag = info.get("ETag") or info.get("etag") or info.get("md5Hash")
        return f"etag:{str(tag).strip(chr(34))}:{info.get('size')}" if tag else fingerprint_of(self)
