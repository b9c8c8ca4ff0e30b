"""Files of a person's own that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from invplat.core.errors import StorageError


def write_whole(path: Path, content: bytes) -> Path:
    """What was at `path` before stays until the new content is complete; folders on the way are made."""
    temporary = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror or error}", hint="give another path") from error
    return path
