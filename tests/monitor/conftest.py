"""An empty registry and storage to put a made-up business in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.monitor.shop import Shop, shop_in


@pytest.fixture
def shop(home: Path) -> Iterator[Shop]:
    with shop_in(home) as found:
        yield found
