from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from invplat.data.panel import Panel
from invplat.data.windows import Windows
from invplat.model import Model
from tests.model.made import fitted, install_example

Made = tuple[Model, Windows, Panel]


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The example package, found by its entry point."""
    with pytest.MonkeyPatch.context() as patch:
        install_example(patch, tmp_path_factory.mktemp("installed"))
        yield


@pytest.fixture(scope="session")
def trained(example: None) -> Callable[[str], Made]:
    """Each workload is fitted once for all tests; they only read what comes out."""
    kept: dict[str, Made] = {}

    def make(name: str) -> Made:
        if name not in kept:
            kept[name] = fitted(name)
        return kept[name]

    return make
