"""Shops to ingest into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.ingest.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


@pytest.fixture
def make_shop(tmp_path: Path) -> Any:
    """More shops, each with a dataset of its own."""
    return lambda name, storage=None: Shop(tmp_path / name, storage)
