"""The training loop on a net small enough to see through: a straight line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from invplat.core.errors import SettingRefused
from invplat.data.layout import Layout
from invplat.data.windows import Batch
from invplat.testing.panels import Case, made_windows
from invplat.train.checkpoint import Checkpoint
from invplat.train.loop import Ended, Epoch, Fitted, Watch, fit, judged
from invplat.train.plan import Plan
from invplat.workload import Chance, Outputs, Params, Spec
from invplat_workloads.mlp import MLP

CASE = Case(past=14, horizon=3, periods=60)


class Line(MLP):
    """The last day seen, times a weight: a loss whose course is known."""

    name = "line"

    def build(self, params: Params, layout: Layout) -> torch.nn.Module:
        line = torch.nn.Linear(layout.past, layout.horizon)
        torch.nn.init.zeros_(line.weight)
        return line

    def inputs(self, module: torch.nn.Module, batch: Batch, chance: Chance | None = None) -> dict[str, torch.Tensor]:
        return {"input": batch.past[:, :, 0]}

    def loss(self, outputs: Outputs, batch: Batch, layout: Layout) -> torch.Tensor:
        return (outputs - batch.target).square().mean(dim=-1)  # type: ignore[operator]


class Poisoned(Line):
    """The loss of one example becomes NaN in some epoch."""

    def __init__(self, after: int) -> None:
        self.calls, self.after = 0, after

    def loss(self, outputs: Outputs, batch: Batch, layout: Layout) -> torch.Tensor:
        if not torch.is_grad_enabled():
            return super().loss(outputs, batch, layout)
        self.calls += 1
        found = super().loss(outputs, batch, layout)
        return found * float("nan") if self.calls > self.after else found


def prepared(workload: MLP) -> tuple[Layout, Any]:
    cut = made_windows(CASE)
    layout = workload.layout(cut, Spec(past=14, horizon=3, quantiles=(0.5,)))
    return layout, workload.examples(cut, layout)


def learnt(workload: MLP | None = None, **given: Any) -> Fitted:
    chosen = workload or Line()
    layout, source = prepared(chosen)
    options = {name: given.pop(name) for name in ("resume", "watch", "module") if name in given}
    validation = given.pop("validation", source)
    plan = Plan(**{"epochs": 4, "batch_size": 32, "patience": 0, "learning_rate": 0.01, **given})
    return fit(chosen, {}, layout, source, validation, plan=plan, **options)


def keeping(kept: list[Checkpoint]) -> Watch:
    def keep(epoch: Epoch, checkpoint: Callable[[], Checkpoint]) -> bool:
        kept.append(checkpoint())
        return True

    return keep


def weights(fitted: Fitted) -> torch.Tensor:
    return torch.cat([value.flatten() for value in fitted.module.state_dict().values()])


def test_it_learns() -> None:
    fitted = learnt(epochs=8)
    assert fitted.ended is Ended.EPOCHS
    assert [epoch.number for epoch in fitted.history] == list(range(1, 9))
    assert fitted.history[-1].train < 0.7 * fitted.history[0].train


def test_the_best_weights_come_back() -> None:
    layout, source = prepared(Line())
    fitted = learnt(epochs=11, learning_rate=0.5, schedule="constant")  # far too large: it jumps about
    losses = [epoch.validation for epoch in fitted.history]
    assert losses[-1] != min(losses), "the case must get worse at some point"  # type: ignore[type-var]
    assert fitted.loss == min(losses)  # type: ignore[type-var]
    assert judged(Line(), fitted.module, source, layout, "cpu") == pytest.approx(fitted.loss, rel=1e-9)


def test_it_stops_when_it_gets_no_better() -> None:
    fitted = learnt(epochs=50, learning_rate=0.5, schedule="constant", patience=3)
    assert fitted.ended is Ended.PATIENCE
    assert len(fitted.history) == fitted.best + 3 < 50


def test_without_validation_the_training_loss_decides() -> None:
    fitted = learnt(validation=None)
    assert all(epoch.validation is None for epoch in fitted.history)
    assert fitted.loss == min(epoch.train for epoch in fitted.history)


def test_it_stops_when_told() -> None:
    fitted = learnt(epochs=9, watch=lambda epoch, checkpoint: epoch.number < 2)
    assert fitted.ended is Ended.STOPPED
    assert len(fitted.history) == 2


@pytest.mark.parametrize(("after", "epoch", "batch"), [(0, 1, 1), (1, 1, 2), (13, 2, None)])
def test_a_loss_that_is_no_number_stops_it_and_keeps_the_last_good_weights(
    after: int, epoch: int, batch: int | None
) -> None:
    _, source = prepared(Line())
    steps = -(-len(source) // 32)
    after = steps + 2 if batch is None else after
    fitted = learnt(Poisoned(after))
    assert fitted.ended is Ended.DIVERGED
    assert f"epoch {epoch}, batch {3 if batch is None else batch} of {steps}" in fitted.trouble
    assert weights(fitted).isfinite().all()
    good = learnt(epochs=4, watch=lambda done, checkpoint: done.number < epoch - 1) if epoch > 1 else learnt(epochs=0)
    assert torch.equal(weights(fitted), weights(good))


def test_too_large_a_rate_diverges_and_is_said() -> None:
    fitted = learnt(learning_rate=1e38, clip=0.0)
    assert fitted.ended is Ended.DIVERGED
    assert "not finite in epoch 1" in fitted.trouble
    assert weights(fitted).isfinite().all()


def test_clipping_bounds_the_gradient() -> None:
    def length(clip: float) -> float:
        kept: list[Checkpoint] = []
        learnt(epochs=1, batch_size=10**6, clip=clip, watch=keeping(kept))
        return float(torch.cat([value.flatten() for value in kept[0].group("exp_avg").values()]).norm())

    assert length(1e-3) == pytest.approx(0.1 * 1e-3, rel=1e-3)  # Adam's first moment is a tenth of the first gradient
    assert length(0.0) > 10 * length(1e-3)


def test_what_is_frozen_stays() -> None:
    module = torch.nn.Linear(14, 3)
    module.bias.requires_grad_(False)
    before, start = module.bias.clone(), module.weight.clone()
    learnt(module=module)
    assert torch.equal(module.bias, before)
    assert not torch.equal(module.weight, start)


def test_nothing_to_learn_is_refused() -> None:
    module = torch.nn.Linear(14, 3).requires_grad_(False)
    with pytest.raises(SettingRefused, match="every parameter is frozen"):
        learnt(module=module)


def test_no_examples_are_refused() -> None:
    layout, _ = prepared(Line())
    nothing = Line().examples(made_windows(CASE).select(slice(0)), layout)
    with pytest.raises(SettingRefused, match="no examples"):
        fit(Line(), {}, layout, nothing, plan=Plan())


def test_the_caller_s_own_chance_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    learnt(seed=9)
    assert torch.equal(torch.rand(3), expected)


def test_every_example_is_seen_once_an_epoch() -> None:
    seen: list[torch.Tensor] = []

    class Watched(Line):
        def inputs(
            self, module: torch.nn.Module, batch: Batch, chance: Chance | None = None
        ) -> dict[str, torch.Tensor]:
            if chance is not None:
                seen.append(batch.past[:, :, 0] * batch.level[:, None])
            return super().inputs(module, batch)

    layout, source = prepared(Watched())
    fit(Watched(), {}, layout, source, plan=Plan(epochs=1, batch_size=50))
    whole = source.batch(torch.arange(len(source)))
    expected = whole.past[:, :, 0] * whole.level[:, None]
    assert torch.allclose(torch.cat(seen).sum(dim=1).sort().values, expected.sum(dim=1).sort().values)
    assert not torch.equal(torch.cat(seen), expected), "the order was not shuffled"


def test_the_loss_of_a_whole_does_not_depend_on_the_size_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    layout, source = prepared(Line())
    module = Line().build({}, layout)
    whole = judged(Line(), module, source, layout, "cpu")
    monkeypatch.setattr("invplat.train.loop.JUDGED_AT_ONCE", 7)
    assert judged(Line(), module, source, layout, "cpu") == pytest.approx(whole, rel=1e-6)


def _checkpoint() -> Checkpoint:
    found: list[Checkpoint] = []
    learnt(epochs=4, watch=keeping(found))
    return found[0]


def test_a_checkpoint_of_another_fit_is_refused_and_says_what_differs() -> None:
    with pytest.raises(SettingRefused, match=r"batch_size was 32, is 16; learning_rate was 0.01, is 0.02"):
        learnt(epochs=4, batch_size=16, learning_rate=0.02, resume=_checkpoint())


@pytest.mark.parametrize("spoil", [lambda data: data[:50], lambda data: b"", lambda data: b"\x80\x04pickle" + data])
def test_bytes_that_are_no_checkpoint_are_refused(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(SettingRefused, match="no checkpoint of a fit"):
        Checkpoint.from_bytes(spoil(_checkpoint().to_bytes()))


def test_a_checkpoint_survives_its_bytes() -> None:
    one = _checkpoint()
    two = Checkpoint.from_bytes(one.to_bytes())
    assert two.facts == one.facts
    assert {name: value.tolist() for name, value in two.tensors.items()} == {
        name: value.tolist() for name, value in one.tensors.items()
    }


def test_a_newer_checkpoint_is_refused() -> None:
    newer = replace(_checkpoint(), facts={**_checkpoint().facts, "version": 99}).to_bytes()
    with pytest.raises(SettingRefused, match="newer invplat"):
        Checkpoint.from_bytes(newer)
