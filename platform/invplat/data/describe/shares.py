"""Groups with a share each, as the page shows them."""

from __future__ import annotations

from collections.abc import Sequence

from invplat.core.page.markup import meter, name, table
from invplat.core.page.wording import number, percent
from invplat.data.describe.description import Group


def shares(head: str, groups: Sequence[Group], of: str) -> str:
    """Names with a share each, as bars against the largest, and what it is a share of."""
    highest = max((group.share for group in groups), default=0.0)
    cells = [(name(g.name), meter(g.share, highest), percent(g.share), number(g.of)) for g in groups]
    return table((head, "", "share", f"of {of}"), cells, (2, 3))
