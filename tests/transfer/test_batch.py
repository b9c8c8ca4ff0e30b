"""Many tenants' fits as one program: each as if it were alone."""

from __future__ import annotations

import pytest
import torch

from invplat.transfer import batch
from invplat.transfer.batch import Fitted, Member, Rows, Settings, fit_many, packs_of, steps_of
from invplat.transfer.examples import LEARN, examples_of
from invplat.transfer.tenants import Tenant
from invplat.transfer.ways import way_of
from tests.transfer.shops import changed, donor, shop

SIZES = ((3, 84, 1), (6, 84, 2), (5, 70, 3), (8, 84, 4))  # series, days, seed


def tenants() -> list[Tenant]:
    return [shop(f"t{seed}", series=series, days=days, seed=seed) for series, days, seed in SIZES]


def members(some: list[Tenant], name: str = "head", whole: bool = False, **given: object) -> list[Member]:
    model = donor()
    way = way_of(model.workload, name)
    settings = Settings(way, **{"epochs": 3, **given})  # type: ignore[arg-type]
    found = []
    for tenant in some:
        examples = examples_of(model, tenant)
        frozen = examples.frozen(model.module, way)
        found.append(Member(examples, frozen, settings, model.module, whole))
    return found


def fitted(some: list[Member]) -> list[Fitted]:
    torch.set_num_threads(1)
    return fit_many(donor().workload, donor().layout, some)


def begun_as(name: str) -> torch.Tensor:
    return donor().module.get_parameter(name).detach()


@pytest.mark.parametrize("name", ["last", "head", "adapter", "all"])
def test_a_tenant_alone_and_in_a_pack_ends_the_same(name: str) -> None:
    some = members(tenants(), name)
    for member, together in zip(some, fitted(some), strict=True):
        alone = fitted([member])[0]
        assert together.best == alone.best
        assert together.losses == pytest.approx(alone.losses, rel=1e-5)
        for key, value in alone.weights.items():
            assert torch.allclose(value, together.weights[key], atol=1e-5), key


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 1e38])
@pytest.mark.parametrize("name", ["last", "head", "all"])
def test_a_poisoned_mate_changes_nothing(name: str, poison: float) -> None:
    """Bit by bit: the same packs with a sound mate, with a poisoned one, and without it."""
    clean, bad = members(tenants()[:3], name), members(tenants()[:3], name)
    for values in (bad[1].frozen.told, bad[1].frozen.kept):
        for value in values.values():
            if value.is_floating_point():
                value.fill_(poison)
    sound, spoilt, without = fitted(clean), fitted(bad), fitted([clean[0], clean[2]])
    assert spoilt[1].trouble or spoilt[1].best == 0
    for place, left in ((0, 0), (2, 1)):
        assert spoilt[place].losses == sound[place].losses == without[left].losses
        for key, value in sound[place].weights.items():
            assert torch.equal(value, spoilt[place].weights[key]), key
            assert torch.equal(value, without[left].weights[key]), key
    for value in spoilt[1].weights.values():
        assert bool(value.isfinite().all()), "what was lost stays as it began"


def test_what_is_lost_stays_as_it_began() -> None:
    some = members([changed(tenants()[0], lambda demand: demand * 1e30), *tenants()[1:2]])
    assert all(bool(value.isfinite().all()) for one in fitted(some) for value in one.weights.values())


def test_the_best_epoch_is_chosen_and_the_start_is_one_of_them() -> None:
    some = members(tenants(), rate=10.0)  # far too fast: nothing learnt is as good as what it began as
    for one in fitted(some):
        assert one.best == 0
        assert len(one.losses) == 4
        for name, value in one.weights.items():
            assert torch.equal(value, begun_as(name))


def test_learning_helps() -> None:
    gains = [one.losses[one.best] / one.losses[0] for one in fitted(members(tenants(), rate=3e-3, epochs=8))]
    assert sum(gains) / len(gains) < 0.99, gains


def test_a_wanted_epoch_is_given_whatever_its_loss() -> None:
    one = fitted(members(tenants()[:1], stop=2, epochs=5))[0]
    assert one.best == 2
    assert len(one.train) == 2


def test_half_the_way_lies_between() -> None:
    full = fitted(members(tenants()[:1], stop=2))[0]
    half = fitted(members(tenants()[:1], stop=2, blends=(0.5,)))[0]
    assert half.blend == 0.5
    for name, value in half.weights.items():
        assert torch.allclose(value, (full.weights[name] + begun_as(name)) / 2, atol=1e-6)


def test_the_pull_holds_it_near_where_it_began() -> None:
    def far(pull: float) -> float:
        one = fitted(members(tenants()[:1], "all", stop=3, pull=pull, rate=3e-3, slow=1.0))[0]
        return sum(float((value - begun_as(name)).norm()) for name, value in one.weights.items())

    assert far(200.0) < 0.7 * far(0.0)


def test_only_what_may_learn_changes() -> None:
    for name in ("last", "head", "all"):
        one = fitted(members(tenants()[:1], name, stop=2))[0]
        way = way_of(donor().workload, name)
        assert set(one.weights) == {key for key, _ in donor().module.named_parameters() if key.startswith(way.learns)}
        assert any(not torch.equal(value, begun_as(key)) for key, value in one.weights.items())


def test_a_slow_trunk_moves_less() -> None:
    def moved(slow: float) -> float:
        one = fitted(members(tenants()[:1], "all", stop=2, slow=slow))[0]
        return float((one.weights["trunk_two.weight"] - begun_as("trunk_two.weight")).norm())

    assert moved(0.1) < 0.5 * moved(1.0)


def test_an_adapter_adds_little_of_low_rank_to_the_trunk() -> None:
    way = way_of(donor().workload, "adapter")
    one = fitted(members(tenants()[:1], "adapter", stop=3, rate=1e-2))[0]
    added = one.weights["trunk_two.weight"] - begun_as("trunk_two.weight")
    assert float(added.norm()) > 0
    assert int(torch.linalg.matrix_rank(added, rtol=1e-3)) <= way.rank


def test_packs_waste_little_and_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    some = members([shop(f"t{n}", series=3 + n % 7, days=60 + 4 * (n % 5), seed=n) for n in range(24)], "last")
    packs = packs_of(some)
    assert sorted(place for pack in packs for place in pack) == list(range(24))
    rows = wasted = 0
    for pack in packs:
        counts = [len(Rows.of(some[place], LEARN)) for place in pack]
        assert len({steps_of(count, 32) for count in counts}) == 1
        wide = -(-max(counts) // steps_of(max(counts), 32))
        rows += sum(counts)
        wasted += wide * steps_of(max(counts), 32) * len(pack) - sum(counts)
    assert wasted / rows < 0.35
    each = max(member.frozen.nbytes() for member in some)
    monkeypatch.setattr(batch, "BYTES", each)
    assert all(sum(some[place].frozen.nbytes() for place in pack) <= each for pack in packs_of(some))
    assert max(len(pack) for pack in packs_of(some)) < max(len(pack) for pack in packs)


def test_what_is_learnt_ends_before_what_is_chosen_by() -> None:
    """Another demand after the part for learning changes neither what is learnt from nor its weight."""
    tenant = shop("t", days=84)
    examples = examples_of(donor(), tenant)
    end = tenant.panels[0].period(examples.parts.learn)

    def spoil(demand: object) -> object:
        demand[:, end + 1 :] = 1e4  # type: ignore[index]
        return demand

    one, other = members([tenant], stop=2)[0], members([changed(tenant, spoil)], stop=2)[0]
    assert len(Rows.of(one, LEARN)) == len(Rows.of(other, LEARN)) > 0
    for key, value in fitted([one])[0].weights.items():
        # Windows count by their level beside the store's, whose mean the later ones have a part in: a common factor.
        assert torch.allclose(value, fitted([other])[0].weights[key], atol=5e-3), key
    assert fitted([one])[0].losses[0] != fitted([other])[0].losses[0]


def test_parts_follow_time() -> None:
    examples = examples_of(donor(), shop("t", days=84))
    cutoffs = examples.windows.cutoffs
    learn, choose, judge = (cutoffs[examples.rows(part).numpy()] for part in range(3))
    assert learn.max() < choose.min() <= choose.max() < judge.min()
    rows = Rows.of(members([shop("t", days=84)])[0], LEARN)
    days = cutoffs[rows.which.numpy()].astype("datetime64[D]").tolist()
    assert [(examples.parts.learn - day).days for day in days] == rows.room.tolist()
