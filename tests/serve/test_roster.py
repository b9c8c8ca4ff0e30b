"""What nobody is served by any more is let go of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from invplat.registry import versions
from invplat.registry.bundle import packed
from invplat.serve import roster
from invplat.serve.schemas import ForecastsAsked
from tests.serve.shops import BASE, LAST, WHOLE, moved, promoted, serving, shops_in
from tests.serve.test_service import run


def test_bases_and_stacks_of_the_past_go(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    shops_in(home, tmp_path_factory)
    monkeypatch.setattr(roster, "DRAINED", -1.0)
    monkeypatch.setattr(roster, "BASES", 2)
    with serving(home) as service:
        for turn in range(5):
            old = versions.of_tenant(service.database, None)[-1]
            bundle = versions.open_bundle(service.storage, old)
            weights = {name: value * 1.01 for name, value in bundle.tensors.items()}
            made = versions.keep(
                service.database, service.storage, None, "mlp", replace(bundle, weights=packed(weights))
            )
            promoted(service.database, None, made)
            moved(service.database, home, WHOLE, ("",), turn)
            service.refresh()
            for name in (BASE, LAST, WHOLE):
                run(service.forecasts(name, ForecastsAsked()))
        found = service.roster
        assert {id(one.stack) for one in found.served.values()} >= {id(stack) for stack in found.stacks.values()}
        assert len(found._bases) <= 3
        assert sum(stack.used for stack in found.stacks.values() if stack.own) <= 4
