"""Fixtures of tests of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transfer.jobbing import Firms, copied


@pytest.fixture
def firms(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firms]:
    with copied(home, tmp_path_factory) as found:
        yield found
