"""From a donor and tenants to judged models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from invplat.core.errors import SettingRefused, UserError
from invplat.data.panel import Group
from invplat.model import Model
from invplat.registry.bundle import Bundle
from invplat.transfer.batch import Settings
from invplat.transfer.choose import tried
from invplat.transfer.donor import nearest
from invplat.transfer.examples import examples_of
from invplat.transfer.finetune import Adapted, Options, begins, begun, continued
from invplat.transfer.gate import BASE, CANDIDATE, NAIVE
from invplat.transfer.judge import Errors, Held, at_levels, model_said, naive, said_by
from invplat.transfer.tenants import Tenant
from invplat.transfer.ways import AUTO, way_of, ways_of
from invplat.workload import Prediction, find
from tests.transfer.shops import HORIZON, changed, donor, shop

QUICK = Options(settings=Settings(way_of(find("mlp"), "head"), rate=3e-3, epochs=3, blends=(0.5, 1.0)), costs=False)


def said(model: Model, tenant: Tenant) -> torch.Tensor:
    examples = examples_of(donor(), tenant)
    return model_said(model, examples, Held.of(examples)).mean


def test_four_weeks_are_enough_to_begin() -> None:
    found = begun(donor(), [shop("young", days=28, series=8)], Options(way="head"))[0]
    assert not found.failed
    assert found.verdict is not None
    assert found.choice is not None
    assert found.metrics["untouched_loss"] > 0
    assert found.verdict.serves in (CANDIDATE, BASE, NAIVE)
    assert found.lineage["saw_until"] == "2024-01-28"


def test_no_history_is_served_by_the_donor() -> None:
    for days in (1, 2, 3):
        found = begun(donor(), [shop("newborn", days=days)], Options())[0]
        assert not found.failed
        assert found.way == "untouched"
        assert found.verdict is not None
        assert found.verdict.serves == BASE
        assert not found.weights


def test_a_way_that_asks_too_much_falls_back_and_says_so() -> None:
    examples = examples_of(donor(), shop("young", days=10, series=8))
    settings, note = tried(examples, "all")
    assert [one.way.name for one in settings] in (["last"], ["head"], ["adapter"])
    assert "all needs 14 periods of history, there are 10" in note
    with pytest.raises(SettingRefused, match="everything"):
        tried(examples, "everything")
    assert tried(examples, "untouched") == ([], "")
    assert [one.way.name for one in tried(examples_of(donor(), shop("old", days=120)), AUTO)[0]] == [
        "last", "head", "all"]  # fmt: skip


def test_each_tenants_failure_is_its_own() -> None:
    dead = changed(shop("dead"), lambda demand: demand * 0)
    odd = changed(shop("odd", seed=4), lambda demand: np.where(demand > 5, np.nan, demand))
    none = Tenant("none", ())
    weekly = shop("weekly")
    panel = weekly.panels[0]
    weekly = replace(weekly, panels=(replace(panel, timeline=replace(panel.timeline, frequency="weekly")),))
    constant = changed(shop("constant"), lambda demand: demand * 0 + 3)
    alone = begun(donor(), [shop("fine")], QUICK)[0]
    found = {one.tenant: one for one in begun(donor(), [dead, odd, shop("fine"), none, weekly, constant], QUICK)}
    assert "never sold anything" in found["dead"].notes[0]
    assert found["dead"].way == "untouched"
    assert "is no number" in found["odd"].failed
    assert "no store" in found["none"].failed
    assert "weekly" in found["weekly"].failed
    assert all(found[name].hint for name in ("odd", "none", "weekly"))
    assert not found["constant"].failed
    assert not found["fine"].failed
    with pytest.raises(UserError, match="odd"):
        found["odd"].model()
    for name, value in alone.weights.items():
        assert torch.allclose(value, found["fine"].weights[name], atol=1e-5)


def test_a_model_is_whole_and_survives_its_bundle() -> None:
    tenant = shop("t", seed=5)
    found = begun(donor(), [tenant], QUICK, name="base@3")[0]
    model = found.model()
    assert model.lineage["donor"] == "base@3"
    again = Model.of(Bundle.from_bytes(model.bundle().to_bytes()) if hasattr(Bundle, "from_bytes") else model.bundle())
    assert torch.equal(said(model, tenant), said(again, tenant))
    if found.weights:
        assert not torch.equal(said(model, tenant), said(donor(), tenant))


def test_untouched_says_what_the_donor_says() -> None:
    tenant = shop("t", seed=6)
    found = begun(donor(), [tenant], Options(way="untouched"))[0]
    assert not found.weights
    assert torch.equal(said(found.model(), tenant), said(donor(), tenant))


def test_cut_or_whole_a_net_is_judged_alike() -> None:
    examples = examples_of(donor(), shop("t", seed=6))
    held = Held.of(examples)
    whole = model_said(donor(), examples, held).mean
    for name in ("last", "head", "all"):
        way = way_of(donor().workload, name)
        frozen = examples.frozen(donor().module, way)
        one = said_by(examples, frozen, way, donor().module, {}, held.rows).mean
        assert torch.allclose(one, whole, rtol=1e-4, atol=1e-4)


def test_going_on_begins_where_it_ended_and_beginning_again_does_not() -> None:
    tenant = shop("t", seed=7)
    options = replace(QUICK, again=False)
    first = begun(donor(), [tenant], replace(options, settings=replace(options.settings, stop=3)))[0]
    model = first.model()
    further = continued({"t": model}, [tenant], replace(options, way="untouched", settings=None), base=donor())[0]
    assert torch.equal(said(further.model(), tenant), said(model, tenant))
    assert further.lineage["continued"] is True
    afresh = begun(donor(), [tenant], replace(options, way="untouched", settings=None), champions={"t": model})[0]
    assert torch.equal(said(afresh.model(), tenant), said(donor(), tenant))
    assert afresh.verdict is not None
    assert set(afresh.verdict.figures) == {"base", "seasonal_naive", "champion"}
    lost = continued({}, [tenant], options)[0]
    assert "no model to go on from" in lost.failed


def test_going_on_in_a_batch_is_going_on_alone() -> None:
    some = [shop(f"t{seed}", seed=seed) for seed in (1, 2, 3)]
    options = replace(QUICK, again=False)
    models = {
        one.tenant: one.model()
        for one in begun(donor(), some, replace(options, settings=replace(options.settings, stop=2)))
    }
    together = continued(models, some, options)
    for tenant, one in zip(some, together, strict=True):
        alone = continued({tenant.name: models[tenant.name]}, [tenant], options)[0]
        for name, value in alone.weights.items():
            assert torch.allclose(value, one.weights[name], atol=1e-5)


def test_going_on_from_different_trunks_keeps_each_its_own() -> None:
    some = [shop(f"t{seed}", seed=seed) for seed in (1, 2)]
    every = replace(QUICK.settings, way=ways_of(donor().workload)["all"], stop=2, slow=1.0)
    first = {one.tenant: one.model() for one in begun(donor(), some, replace(QUICK, again=False, settings=every))}
    together = continued(first, some, replace(QUICK, again=False))
    for tenant, one in zip(some, together, strict=True):
        trunk = one.model().module.state_dict()["trunk_one.weight"]
        assert torch.equal(trunk, first[tenant.name].module.state_dict()["trunk_one.weight"])
        alone = continued({tenant.name: first[tenant.name]}, [tenant], replace(QUICK, again=False))[0]
        for name, value in alone.weights.items():
            assert torch.allclose(value, one.weights[name], atol=1e-5)


def test_columns_that_only_a_tenant_has_begin_without_a_say() -> None:
    tenant = shop("t", seed=8)
    panel = tenant.panels[0]
    visitors = np.random.default_rng(0).random(panel.shape).astype(np.float32)
    panel = replace(panel, ahead=Group(("visitors",), visitors[:, :, None], frozenset()))
    rich = replace(tenant, panels=(panel,))
    examples = examples_of(donor(), rich, own=True)
    assert "visitors" in examples.layout.ahead.names
    assert "visitors" not in donor().layout.ahead.names
    start = begins(donor(), examples)
    assert torch.allclose(
        model_said(start, examples, Held.of(examples)).mean, said(donor(), tenant), rtol=1e-4, atol=1e-4
    )
    every = replace(QUICK.settings, way=ways_of(donor().workload)["all"], stop=2)
    found = begun(donor(), [rich], replace(QUICK, own=True, again=False, settings=every))[0]
    assert float(found.weights["trunk_one.weight"].abs().sum()) > 0
    place = examples.layout.ahead.names.index("visitors")
    assert place >= 0
    changed_columns = (found.weights["trunk_one.weight"] != start.module.get_parameter("trunk_one.weight")).any(dim=0)
    assert bool(changed_columns.any())


def test_another_horizon_than_the_donors() -> None:
    tenant = shop("t", seed=8, days=120)
    found = begun(donor(), [tenant], replace(QUICK, horizon=HORIZON + 5, again=False))[0]
    assert not found.failed, found.failed
    assert found.model().spec.horizon == HORIZON + 5
    examples = examples_of(donor(), tenant, horizon=HORIZON + 5)
    ahead = model_said(begins(donor(), examples), examples, Held.of(examples)).mean
    assert ahead.shape[1] == HORIZON + 5
    assert bool(ahead.isfinite().all())


def test_names_of_its_own_begin_without_a_say() -> None:
    tenant = shop("t", seed=8)
    examples = examples_of(donor(), tenant, names=True)
    assert examples.preparation.encoders["sku"].size == 7
    start = begins(donor(), replace(examples))
    assert torch.allclose(
        model_said(start, examples, Held.of(examples)).mean, said(donor(), tenant), rtol=1e-4, atol=1e-4
    )


def test_a_workload_that_is_not_layered_is_adapted_too() -> None:
    found = begun(
        donor("gru", trained=False), [shop("t", days=56)], Options(way="head", costs=False, again=False, most=60)
    )[0]
    assert not found.failed, found.failed
    assert found.choice is not None
    with pytest.raises(SettingRefused, match="can't be adapted by 'last'"):
        way_of(find("gru"), "last")


@pytest.mark.parametrize("way", ["head", "all"])
def test_a_workload_that_decides_is_adapted_too(way: str) -> None:
    some = [shop(f"t{seed}", days=70, seed=seed) for seed in (1, 2)]
    options = Options(way=way, again=False, most=80)
    found = begun(donor("e2e", trained=False), some, options)
    assert not any(one.failed for one in found), [one.failed for one in found]
    assert all(one.choice is not None and one.choice.before > 0 for one in found)


def test_the_naive_is_the_same_as_last_week() -> None:
    tenant = changed(shop("t"), lambda demand: demand * 0 + np.arange(demand.shape[1]) % 7 + 1)
    examples = examples_of(donor(), tenant)
    held = Held.of(examples)
    said = naive(examples, held)
    shown = held.counts & (torch.from_numpy(examples.windows.series[held.rows.numpy()]) > 0)[:, None]
    assert bool(shown.any())
    assert torch.equal(said.mean[shown], held.actual[shown])
    errors = Errors.of(held, said)
    assert errors.quantiles[1:].sum() == errors.median[1:].sum() == 0


@pytest.mark.parametrize("days", [40, 41, 42])
def test_the_naive_says_one_thing_as_mean_and_as_median(days: int) -> None:
    tenant = changed(shop("t", days=days), lambda demand: demand + 3 * np.arange(demand.shape[1]))
    examples = examples_of(donor(), tenant)
    said = naive(examples, Held.of(examples))
    torch.testing.assert_close(said.median, said.mean)


def test_errors_are_the_loss_of_quantiles_and_favour_nobody_who_says_too_little() -> None:
    """Nine days of ten nothing sells: who always says none has the mean's least absolute error."""
    tenant = changed(shop("t"), lambda demand: np.where(np.arange(demand.shape[1]) % 10 == 0, 10.0, 0.0) + 0 * demand)
    examples = examples_of(donor(), tenant)
    held, levels = Held.of(examples), examples.layout.quantiles
    shape = held.actual.shape
    right = torch.quantile(held.actual[held.counts], torch.tensor(levels)).expand(*shape, len(levels))
    honest = Prediction(right, levels, torch.ones(shape))
    silent = Prediction(torch.zeros_like(right), levels, torch.zeros(shape))
    ours, theirs = Errors.of(held, honest), Errors.of(held, silent)
    assert ours.share < 0.9 * theirs.share
    assert theirs.share == pytest.approx(1.0)
    assert bool((ours.median == theirs.median).all())


def test_quantiles_are_read_at_the_levels_of_whoever_judges() -> None:
    said = Prediction(torch.tensor([[[0.0, 2.0, 10.0]]]), (0.1, 0.5, 0.9), torch.zeros(1, 1))
    found = at_levels(said, (0.05, 0.1, 0.3, 0.5, 0.7, 0.95)).flatten().tolist()
    assert found == pytest.approx([0, 0, 1, 2, 6, 10])
    assert at_levels(said, (0.1, 0.5, 0.9)) is said.quantiles


def test_order_costs_of_many_are_those_of_each() -> None:
    some = [shop(f"t{seed}", seed=seed, days=84) for seed in (1, 2, 3)]
    options = replace(QUICK, costs=True, again=False)
    together = begun(donor(), some, options)
    for tenant, one in zip(some, together, strict=True):
        alone = begun(donor(), [tenant], options)[0]
        assert one.verdict is not None
        assert alone.verdict is not None
        for name in (BASE, NAIVE):
            assert one.verdict.figures[name]["cost"] == pytest.approx(alone.verdict.figures[name]["cost"])
            assert one.verdict.figures[name]["cost"] > 0  # type: ignore[operator]


def test_the_nearest_donor_is_the_one_that_learnt_from_the_like() -> None:
    tenant = shop("t", seed=11)
    far = replace(donor(), module=donor("mlp", trained=False).module)
    found = nearest(tenant, {"far": far, "near": donor()})
    assert [one.name for one in found] == ["near", "far"]
    assert found[0].error < found[1].error
    broken = nearest(
        tenant,
        {"near": donor(), "weekly": replace(donor(), preparation=replace(donor().preparation, frequency="weekly"))},
    )
    assert [one.name for one in broken] == ["near"]


def test_each_outcome_is_told_as_it_comes() -> None:
    told: list[Adapted] = []
    some = [shop("a"), changed(shop("b"), lambda demand: demand * 0)]
    begun(donor(), some, QUICK, told=told.append)
    assert [one.tenant for one in told] == ["a", "b"]
