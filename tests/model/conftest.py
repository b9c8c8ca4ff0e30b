from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.model.made import Made, fitted, install_example


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The example package, found by its entry point."""
    with pytest.MonkeyPatch.context() as patch:
        install_example(patch, tmp_path_factory.mktemp("installed"))
        yield


@pytest.fixture(scope="module")
def trained(example: None) -> Callable[[str], Made]:
    """Each workload is fitted once for all tests of a file; they only read what comes out."""
    kept: dict[str, Made] = {}

    def make(name: str) -> Made:
        if name not in kept:
            kept[name] = fitted(name)
        return kept[name]

    return make
