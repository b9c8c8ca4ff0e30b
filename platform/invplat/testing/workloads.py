"""The tests that every workload passes. Inherit `WorkloadSuite`, name your workload, and let pytest find the class:

    class TestMine(WorkloadSuite):
        workload = MINE

Pure torch on the CPU, no Ray, no files; a minute for a large net, seconds for a small one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from safetensors.torch import load, save

from invplat.core.errors import UserError
from invplat.core.space import Choice, Params, Space, Value
from invplat.data.layout import Layout
from invplat.data.windows import Batch, Windows
from invplat.testing.panels import Case, made_windows, odd_windows
from invplat.train.chance import Alone
from invplat.train.checkpoint import Checkpoint
from invplat.train.loop import Ended, Fitted, fit, judged
from invplat.train.plan import Plan
from invplat.workload import Grafts, Layered, Prediction, Source, Spec, Workload

FEW = 5  # windows, where a handful tells


class WorkloadSuite:
    workload: ClassVar[Workload]
    case: ClassVar[Case] = Case()
    spec: ClassVar[Spec] = Spec(past=28, horizon=7, quantiles=(0.1, 0.5, 0.9))
    quick: ClassVar[Mapping[str, Value]] = {}  # params that make a net small enough to be trained in a test
    near_zero: ClassVar[float] = 0.05  # of its first loss, what a net that learnt 32 windows by heart may keep
    heart: ClassVar[Mapping[str, Any]] = {"epochs": 400, "learning_rate": 3e-3}  # the plan for that

    def ready(self, case: Case | None = None) -> tuple[Windows, Layout, Source]:
        cut = made_windows(case or self.case)
        layout = self.workload.layout(cut, self.spec)
        return cut, layout, self.workload.examples(cut, layout)

    def net(self, params: Params, layout: Layout, seed: int = 0) -> torch.nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.workload.build(self.workload.space.check(params), layout)

    @torch.no_grad()
    def says(self, module: torch.nn.Module, batch: Batch, layout: Layout) -> Prediction:
        outputs = module(**self.workload.inputs(module, batch))
        return self.workload.predict(outputs, batch, layout)

    def learn(self, source: Source, layout: Layout, **given: Any) -> Fitted:
        params = self.workload.space.check({**self.quick, **given.pop("params", {})})
        options = {name: given.pop(name) for name in ("resume", "watch", "module") if name in given}
        plan = Plan.of(params, **{"epochs": 3, "patience": 0, **given})
        return fit(self.workload, params, layout, source, source, plan=plan, **options)

    def check(self, found: Prediction, count: int, what: str = "") -> None:
        horizon, levels = self.spec.horizon, len(self.spec.quantiles)
        assert found.quantiles.shape == (count, horizon, levels), f"{what}: quantiles are {found.quantiles.shape}"
        assert found.mean.shape == (count, horizon), f"{what}: the mean is {found.mean.shape}"
        assert bool(found.quantiles.isfinite().all() and found.mean.isfinite().all()), f"{what}: not finite"
        assert bool((found.quantiles.diff(dim=-1) >= 0).all()), f"{what}: quantiles cross"
        assert bool((found.quantiles >= 0).all() and (found.mean >= 0).all()), f"{what}: negative demand"
        for name in ("vlt", "order"):
            extra = getattr(found, name)
            assert (extra is not None) == (name in self.workload.predicts), f"{what}: {name} is promised or not"
            if extra is not None:
                assert extra.shape[0] == count, f"{what}: {name} is {extra.shape}"
                assert bool((extra.isfinite() & (extra >= 0)).all()), f"{what}: {name} is negative or not finite"

    def test_it_says_what_it_is(self) -> None:
        assert self.workload.name, "a workload needs a name"
        assert {"quantiles", "mean"} <= self.workload.predicts
        assert any(column.required for column in self.workload.columns), "say which columns it can't do without"
        assert all(column.without for column in self.workload.columns), "say what is lost without each column"

    def test_the_space_survives_json_and_refuses_what_is_outside(self) -> None:
        space = self.workload.space
        assert Space.from_json(space.to_json()) == space
        assert space.check({}) == space.defaults
        for params in ({"no_such_param": 1}, {name: object() for name in space.dimensions}):
            assert refusal(space, params), f"{params} was taken, or refused without a hint"

    def test_every_corner_of_the_space_builds_and_predicts(self) -> None:
        _, layout, source = self.ready()
        batch = source.batch(torch.arange(FEW))
        for params in corners(self.workload.space):
            self.check(self.says(self.net(params, layout), batch, layout), FEW, str(params))

    def test_the_layout_survives_json(self) -> None:
        _, layout, source = self.ready()
        again = Layout.from_json(layout.to_json())
        assert again == layout
        batch = source.batch(torch.arange(FEW))
        same(self.says(self.net({}, layout), batch, layout), self.says(self.net({}, again), batch, again))

    def test_every_parameter_belongs_to_one_part(self) -> None:
        _, layout, _ = self.ready()
        module = self.net({}, layout)
        parts = {name: self.workload.parts.of(name) for name in module.state_dict()}
        assert {"trunk", "head"} <= {parts[name] for name, _ in module.named_parameters()}

    def test_a_net_is_a_pure_function(self) -> None:
        _, layout, source = self.ready()
        batch = source.batch(torch.arange(FEW))
        module = self.net({}, layout).train()
        draws = [self.workload.inputs(module, batch, Alone(1)) for _ in range(2)]
        assert all(torch.equal(draws[0][name], draws[1][name]) for name in draws[0]), "draw from the chance given"
        for inputs in (draws[0], self.workload.inputs(module, batch)):
            one, two = module(**inputs), module(**inputs)
            assert all(torch.equal(one[name], two[name]) for name in one), "forward draws by itself"

    def test_what_is_hidden_does_not_count(self) -> None:
        _, layout, source = self.ready()
        batch = source.batch(torch.arange(len(source)))
        module = self.net({}, layout)
        told = replace(batch, target=torch.where(batch.observed > 0, batch.target, batch.target + 99))
        assert not torch.equal(told.target, batch.target), "the case hides no period"
        outputs = module(**self.workload.inputs(module, batch))
        losses = [self.workload.loss(outputs, each, layout) for each in (batch, told)]
        assert losses[0].shape == (len(source),), "a loss for each example"
        assert torch.equal(losses[0], losses[1]), "a hidden period changed the loss"
        same(self.says(module, batch, layout), self.says(module, told, layout))

    def test_answers_do_not_depend_on_the_batch(self) -> None:
        _, layout, source = self.ready()
        module = self.net({}, layout)
        whole = self.says(module, source.batch(torch.arange(FEW)), layout)
        for place in range(FEW):
            alone = self.says(module, source.batch(torch.tensor([place])), layout)
            same(alone, only(whole, place), within=1e-4)

    def test_a_thousand_times_the_demand_is_a_thousand_times_the_forecast(self) -> None:
        if not self.workload.scale_free:
            return
        _, layout, source = self.ready()
        large = self.workload.examples(made_windows(replace(self.case, times=1000.0)), layout)
        module = self.learn(source, layout, epochs=1).module
        which = torch.arange(FEW)
        small = self.says(module, source.batch(which), layout)
        found = self.says(module, large.batch(which), layout)
        assert torch.allclose(found.mean, 1000 * small.mean, rtol=1e-3), "the mean does not follow the scale"
        assert torch.allclose(found.quantiles, 1000 * small.quantiles, rtol=1e-3), "quantiles do not follow the scale"

    def test_odd_series_are_answered_and_learnt_from(self) -> None:
        _, layout, _ = self.ready()
        for what, cut in odd_windows(self.case).items():
            source = self.workload.examples(cut, layout)
            module = self.net(self.quick, layout)
            self.check(self.says(module, source.batch(torch.arange(len(source))), layout), len(source), what)
            ended = self.learn(source, layout, epochs=2)
            assert ended.ended is Ended.EPOCHS, f"{what}: {ended.ended}: {ended.trouble}"
            own = self.workload.layout(cut, self.spec)
            fitted = self.learn(self.workload.examples(cut, own), own, epochs=2)
            assert fitted.ended is Ended.EPOCHS, f"{what}, fitted on itself: {fitted.ended}: {fitted.trouble}"

    def test_columns_that_are_missing_cost_no_crash(self) -> None:
        _, layout, _ = self.ready()
        bare = made_windows(replace(self.case, bare=True))
        assert layout.lacking(bare), "the case lacks nothing"
        for found in (layout, self.workload.layout(bare, self.spec)):
            source = self.workload.examples(bare, found)
            self.check(self.says(self.net({}, found), source.batch(torch.arange(FEW)), found), FEW, "sales alone")
            assert self.learn(source, found, epochs=1).ended is Ended.EPOCHS

    def test_a_net_of_sales_alone_ignores_what_others_have(self) -> None:
        bare = made_windows(replace(self.case, bare=True))
        layout = self.workload.layout(bare, self.spec)
        rich = self.workload.examples(made_windows(self.case), layout)
        module = self.net({}, layout)
        plain = self.workload.examples(bare, layout)
        which = torch.arange(FEW)
        same(self.says(module, rich.batch(which), layout), self.says(module, plain.batch(which), layout), within=1e-4)

    def test_unknown_names_are_answered(self) -> None:
        _, layout, _ = self.ready()
        more = made_windows(replace(self.case, series=3 * self.case.series))  # names beyond the vocabulary
        none = made_windows(self.case)
        none = replace(none, columns=replace(none.columns, ids={}), encoders={})
        module = self.net({}, layout)
        for cut in (more, none):
            source = self.workload.examples(cut, layout)
            last = torch.arange(len(source) - FEW, len(source))
            self.check(self.says(module, source.batch(last), layout), FEW, "unknown names")

    def test_weights_survive_safetensors(self) -> None:
        _, layout, source = self.ready()
        module = self.net({}, layout)
        other = self.net({}, layout, seed=1)
        other.load_state_dict(load(save({name: value.contiguous() for name, value in module.state_dict().items()})))
        batch = source.batch(torch.arange(FEW))
        same(self.says(module, batch, layout), self.says(other, batch, layout))

    def test_the_loss_falls(self) -> None:
        _, layout, source = self.ready()
        losses = [epoch.validation for epoch in self.learn(source, layout, epochs=4).history]
        assert losses[0] is not None, "there was no validation"
        assert losses[-1] is not None, "there was no validation"
        assert losses[-1] < losses[0], f"{losses}"

    def test_one_seed_one_result(self) -> None:
        _, layout, source = self.ready()
        one, two, other = (self.learn(source, layout, epochs=2, seed=seed) for seed in (3, 3, 4))
        assert equal(one, two), "the same seed gave other weights"
        assert not equal(one, other), "another seed gave the same weights"

    def test_a_checkpoint_goes_on_to_the_same_bits(self) -> None:
        _, layout, source = self.ready()
        kept: list[bytes] = []

        def watch(epoch: Any, checkpoint: Any) -> bool:
            kept.append(checkpoint().to_bytes())
            return True

        whole = self.learn(source, layout, epochs=4, watch=watch)
        for data in kept[:3]:
            resumed = self.learn(source, layout, epochs=4, resume=Checkpoint.from_bytes(data))
            assert equal(whole, resumed), "a resumed fit ended with other weights"
            assert [epoch.train for epoch in resumed.history] == [epoch.train for epoch in whole.history]

    def test_it_can_learn_32_windows_by_heart(self) -> None:
        cut, _, _ = self.ready()
        few = cut.select(slice(None, None, max(1, len(cut) // 32))).select(slice(32))
        layout = self.workload.layout(few, self.spec)
        source = self.workload.examples(few, layout)
        still = {name: 0.0 for name in self.workload.space.dimensions if name.startswith("dropout")}
        start = judged(self.workload, self.net(self.quick, layout), source, layout, "cpu")
        fitted = self.learn(source, layout, params=still, batch_size=32, **self.heart)
        assert fitted.loss is not None, fitted.trouble
        assert fitted.loss <= self.near_zero * start, f"{start:.4f} fell to {fitted.loss:.4f} only"

    def test_a_pack_gives_what_each_net_gives_alone(self) -> None:
        if not self.workload.fusable:
            return
        _, layout, source = self.ready()
        batch = source.batch(torch.arange(FEW))
        free = {name: value for name, value in corner(self.workload.space, 0).items() if not _shape(self, name)}
        nets = [self.net(params, layout, seed) for seed, params in enumerate(({}, free, {}))]
        inputs = self.workload.inputs(nets[0], batch, Alone(0))
        parameters, buffers = torch.func.stack_module_state(nets)

        def one(weights: Any, state: Any) -> Any:
            return torch.func.functional_call(nets[0], (weights, state), args=(), kwargs=inputs)

        found = torch.func.vmap(one)(parameters, buffers)
        for place, net in enumerate(nets):
            for name, alone in net(**inputs).items():
                assert torch.allclose(found[name][place], alone, atol=1e-5), f"{name} of member {place} differs"

    def test_a_net_that_is_cut_says_the_same(self) -> None:
        if not isinstance(self.workload, Layered):
            return
        _, layout, source = self.ready()
        batch = source.batch(torch.arange(FEW))
        module = stirred(self.net({}, layout))
        inputs = self.workload.inputs(module, batch)
        names = [name for name, _ in module.named_parameters()]
        every = [part for layer in self.workload.layers for part in layer]
        assert all(sum(name.startswith(part) for part in every) == 1 for name in names), "each in one layer"
        for last in self.workload.cuts:
            whole, told = module(**inputs), self.workload.told(module, inputs, last)
            assert all(len(value) == FEW for value in told.values()), "examples along the first axis"
            for name, value in self.workload.answered(module, told, last).items():
                assert torch.allclose(value, whole[name], atol=1e-5), f"{name} differs, cut before the last {last}"
            learns = tuple(part for layer in self.workload.layers[:last] for part in layer)
            moved = stirred(self.net({}, layout), 7)
            stays = {name: value for name, value in module.state_dict().items() if not name.startswith(learns)}
            moved.load_state_dict({**moved.state_dict(), **stays})
            again = self.workload.told(moved, inputs, last)
            assert all(torch.equal(told[name], again[name]) for name in told), "what learns has a part in what is told"

    def test_a_graft_begins_as_what_it_is_grafted_from(self) -> None:
        if not isinstance(self.workload, Grafts):
            return
        cut, layout, source = self.ready()
        params = self.workload.space.check({})
        less = replace(layout, ahead=layout.ahead.without("promotion"), ids=dict.fromkeys(layout.ids, 30))
        donor = stirred(self.net({}, less))
        batch = self.workload.examples(cut, less).batch(torch.arange(FEW))
        nobody = replace(batch, ids={name: torch.zeros_like(codes) for name, codes in batch.ids.items()})
        grafted = self.workload.grafted(donor, less, params, layout)
        one, other = self.says(donor, nobody, less), self.says(grafted, source.batch(torch.arange(FEW)), layout)
        same(one, other, within=1e-4)
        longer = replace(layout, horizon=layout.horizon + 3)
        far = self.workload.grafted(grafted, layout, params, longer)
        cut = made_windows(replace(self.case, horizon=longer.horizon))
        found = self.says(far, self.workload.examples(cut, longer).batch(torch.arange(FEW)), longer)
        assert found.mean.shape == (FEW, longer.horizon)
        assert bool(found.mean.isfinite().all())


def stirred(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """No weight is zero, as after training."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in module.parameters():
            value.add_(0.1 * torch.randn(value.shape, generator=draw))
    return module


def corner(space: Space, end: int) -> dict[str, Value]:
    """All params at their lowest (0) or highest (-1)."""
    return {
        name: dimension.options[end] if isinstance(dimension, Choice) else (dimension.low, dimension.high)[end]
        for name, dimension in space.dimensions.items()
    }


def corners(space: Space) -> Iterator[dict[str, Value]]:
    """The defaults, all lowest, all highest, and each param at each of its ends with the others as they were."""
    yield space.defaults
    for end in (0, -1):
        extreme = corner(space, end)
        yield extreme
        yield from ({**space.defaults, name: value} for name, value in extreme.items())


def same(one: Prediction, two: Prediction, within: float = 0.0) -> None:
    for name in ("quantiles", "mean", "vlt", "order"):
        mine, theirs = getattr(one, name), getattr(two, name)
        if mine is not None:
            assert torch.allclose(mine, theirs, rtol=within, atol=within), f"{name} differ"


def only(found: Prediction, place: int) -> Prediction:
    kept = slice(place, place + 1)
    vlt = None if found.vlt is None else found.vlt[kept]
    order = None if found.order is None else found.order[kept]
    return replace(found, quantiles=found.quantiles[kept], mean=found.mean[kept], vlt=vlt, order=order)


def refusal(space: Space, params: Mapping[str, Any]) -> str | None:
    """What a person is told to write instead."""
    try:
        space.check(params)
    except UserError as error:
        return error.hint
    return None


def equal(one: Fitted, two: Fitted) -> bool:
    mine, theirs = one.module.state_dict(), two.module.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


def _shape(suite: WorkloadSuite, name: str) -> bool:
    return suite.workload.space.dimensions[name].shape
