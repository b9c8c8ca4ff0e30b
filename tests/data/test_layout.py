"""Layouts: fitted on what windows see and nothing after, read by name, and windows of several businesses as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from invplat.core.errors import DatasetError
from invplat.data.layout import Layout, squash
from invplat.data.pool import pooled
from invplat.testing.panels import Case, made_panel, made_windows

CASE = Case(past=14, horizon=3, periods=80)


def test_what_comes_after_the_cutoffs_is_not_looked_at() -> None:
    panel = made_panel(CASE)
    early = panel.dates[40]
    changed = made_panel(CASE)
    changed.past.values[:, 41:] += 1000
    changed.ahead.values[:, 44:] += 1000
    one, two = (Layout.of(made_windows(CASE, each).between(panel.dates[0], early), (0.5,)) for each in (panel, changed))
    assert one == two
    assert Layout.of(made_windows(CASE, changed), (0.5,)) != one


def test_columns_come_out_centred() -> None:
    cut = made_windows(CASE)
    layout = Layout.of(cut, (0.5,))
    batch = cut.batch()
    centred = (squash(batch.past) - torch.tensor(layout.sees.centres)) / torch.tensor(layout.sees.spreads)
    assert torch.allclose(centred.mean(dim=(0, 1)), torch.zeros(centred.shape[-1]), atol=1e-4)


def test_windows_are_read_by_name_in_any_order() -> None:
    cut = made_windows(CASE)
    layout = Layout.of(cut, (0.5,), first=("censored", "demand"))
    assert layout.sees.names[:2] == ("censored", "demand")
    aligned, plain = layout.align(cut).batch(), cut.batch()
    for place, name in enumerate(layout.sees.names):
        assert torch.equal(aligned.past[:, :, place], plain.past[:, :, cut.past_names.index(name)]), name
    assert torch.equal(aligned.target, plain.target)


def test_a_missing_column_stands_at_its_centre_and_says_unknown() -> None:
    layout = Layout.of(made_windows(CASE), (0.5,))
    bare = layout.align(made_windows(replace(CASE, bare=True)))
    batch = bare.batch()
    place = layout.ahead.names.index("promotion")
    found = squash(batch.ahead[..., place])
    assert torch.allclose(found, torch.tensor(layout.ahead.centres[place]), atol=1e-5)
    assert (batch.static[:, layout.static.names.index("unit_cost_known")] == 0).all()
    assert "promotion" in layout.lacking(made_windows(replace(CASE, bare=True)))
    assert layout.lacking(made_windows(CASE)) == ()


def test_names_beyond_the_vocabulary_are_unknown() -> None:
    layout = Layout.of(made_windows(CASE), (0.5,))
    more = layout.align(made_windows(replace(CASE, series=9))).batch()
    assert int(more.ids["sku"].max()) == layout.ids["sku"] - 1
    assert (more.ids["sku"] == 0).any()


def test_windows_of_another_length_are_refused() -> None:
    layout = Layout.of(made_windows(CASE), (0.5,))
    with pytest.raises(DatasetError, match=r"14 \+ 4 periods for a model of 14 \+ 3"):
        layout.align(made_windows(replace(CASE, horizon=4)))


@pytest.mark.parametrize("levels", [(), (0.1, 0.9), (0.5, 0.1), (0.0, 0.5), (0.5, 0.5)])
def test_quantiles_that_make_no_sense_are_refused(levels: tuple[float, ...]) -> None:
    with pytest.raises(DatasetError, match="quantiles"):
        Layout.of(made_windows(CASE), levels)


def test_a_layout_of_a_newer_version_is_refused() -> None:
    raw = Layout.of(made_windows(CASE), (0.5,)).to_json()
    with pytest.raises(DatasetError, match="version 9"):
        Layout.from_json({**raw, "version": 9})


def test_pooled_windows_are_those_of_each_business() -> None:
    parts = [made_windows(CASE), made_windows(replace(CASE, bare=True, seed=1)), made_windows(replace(CASE, seed=2))]
    whole = pooled(parts)
    assert len(whole) == sum(map(len, parts))
    batch = whole.batch()
    start = 0
    for part in parts:
        mine, own = slice(start, start + len(part)), part.batch()
        assert torch.equal(batch.target[mine], own.target)
        assert torch.equal(batch.level[mine], own.level)
        for place, name in enumerate(part.past_names):
            assert torch.equal(batch.past[mine, :, whole.past_names.index(name)], own.past[:, :, place]), name
        assert np.array_equal(whole.cutoffs[mine], part.cutoffs)
        names = [whole.texts["sku"][series] for series in whole.series[mine]]
        assert names == [part.texts["sku"][series] for series in part.series]
        start += len(part)


def test_vocabularies_that_are_equal_are_shared_and_others_never_meet() -> None:
    same = pooled([made_windows(CASE), made_windows(replace(CASE, seed=1))])
    assert same.encoders == made_windows(CASE).encoders
    other = pooled([made_windows(CASE), made_windows(replace(CASE, series=6, seed=1))])
    size = Layout.of(other, (0.5,)).ids["sku"]
    assert size == 1 + 4 + 6
    found = {int(code) for code in other.batch().ids["sku"]}
    assert found == set(range(1, 11))
    with pytest.raises(DatasetError, match="pooled"):
        other.encoders["sku"].apply(["sku-1"])


def test_one_business_is_itself() -> None:
    cut = made_windows(CASE)
    assert pooled([cut]) is cut
