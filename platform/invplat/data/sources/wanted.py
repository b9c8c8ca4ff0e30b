"""Whether the columns that are asked of a source are there. Knows names only."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from invplat.core.errors import SourceError


def all_there(asked: Sequence[str], there: Sequence[str], name: str) -> None:
    for column in asked:
        if column not in there:
            near = get_close_matches(column, there, n=1)
            raise SourceError(
                f"{name} has no column {column!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"it has {', '.join(there)}",
            )
