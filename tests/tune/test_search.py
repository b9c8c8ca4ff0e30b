"""What every search promises: each trial once, packs of one shape, the same again whatever finishes first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import StorageError
from invplat.tune.search import WAIT, lag, search_of, seed_of
from invplat.tune.trial import Finished, Pack, shape_of
from tests.tune.studies import SPACE, carried_out, plan_of, study, trained

SEARCHES: list[dict[str, Any]] = [
    {"search": "bayes"},
    {"search": "bayes", "scheduler": "asha"},
    {"search": "random"},
    {"search": "random", "scheduler": "median"},
    {"search": "grid", "trials": None},
    {"search": "grid", "trials": 17, "scheduler": "asha"},
]


def tried(packs: list[Pack]) -> list[dict[str, Any]]:
    """By number, as JSON tells it."""
    return [json.loads(json.dumps(pack.to_json())) for pack in sorted(packs, key=lambda pack: pack.number)]


@pytest.mark.parametrize("given", SEARCHES, ids=str)
def test_every_trial_is_asked_for_once_in_packs_of_one_shape(given: dict[str, Any]) -> None:
    packs, finished = study(3, **given)
    total = {"grid": given.get("trials") or 48}.get(given["search"], 32)
    assert sorted(trial.number for trial in finished) == list(range(total))
    assert [pack.number for pack in packs] == list(range(len(packs)))
    assert len({trial.seed for pack in packs for trial in pack.trials}) == total
    for pack in packs:
        assert 1 <= len(pack.trials) <= 3
        assert len({shape_of(SPACE, trial.params) for trial in pack.trials}) == 1
        assert all(SPACE.check(trial.params) == trial.params for trial in pack.trials)


@pytest.mark.parametrize("given", SEARCHES, ids=str)
def test_what_finishes_first_leaves_no_trace(given: dict[str, Any]) -> None:
    once, _ = study(3, at_once=2, **given)
    for at_once, late in ((1, 0), (2, 1), (3, 2)):
        again, _ = study(3, at_once=at_once, late=late, **given)
        assert tried(again) == tried(once)
    other, _ = study(3, **{"seed": 8, **given})
    assert tried(other) != tried(once)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(SEARCHES), st.data())
def test_a_study_cut_short_anywhere_goes_on_as_if_it_had_not_been(given: dict[str, Any], data: st.DataObject) -> None:
    plan = plan_of(**{"trials": 16, **given})
    whole, _ = carried_out(search_of(plan, lambda params: 3))
    search = search_of(plan, lambda params: 3)
    asked, told, running = list[Pack](), list[Finished](), list[Pack]()
    for _ in range(data.draw(st.integers(0, 2 * len(whole)))):
        if running and data.draw(st.booleans()):
            pack = running.pop(data.draw(st.integers(0, len(running) - 1)))
            search.tell(pack.number, trained(pack))
            told += trained(pack)
        elif isinstance(found := search.ask(), Pack):
            asked.append(found)
            running.append(found)
    again = search_of(plan, lambda params: 3, told=told, asked=asked)
    for pack in running:  # as they were, before any new one
        assert again.ask() == pack
        again.tell(pack.number, trained(pack))
    rest, _ = carried_out(again)
    assert tried([*asked, *rest]) == tried(whole)


def test_a_study_of_which_only_ends_were_kept_goes_on_too() -> None:
    plan = plan_of()
    search, told = search_of(plan, lambda params: 2), list[Finished]()
    for _ in range(3):
        pack = search.ask()
        assert isinstance(pack, Pack)
        search.tell(pack.number, trained(pack))
        told += trained(pack)
    again = search_of(plan, lambda params: 2, told=told)
    following = search.ask()
    assert isinstance(following, Pack)
    assert again.ask() == following


def test_a_pack_missing_from_the_record_is_said() -> None:
    packs, finished = study(2)
    rest = [trial for trial in finished if trial.pack != 3]
    with pytest.raises(StorageError, match="lacks pack 3"):
        search_of(plan_of(), lambda params: 2, told=rest, asked=[pack for pack in packs if pack.number != 3])


def test_a_pack_knows_what_was_told_before_it_and_no_more() -> None:
    packs, finished = study(2, scheduler="asha", max_concurrent=2, search="random")
    behind = lag(2)
    for pack in packs:
        known = [trial for trial in finished if trial.pack <= pack.number - behind]
        assert sorted(pack.rungs[1]) == sorted(trial.validation[0] for trial in known)
        assert set(pack.rungs) == {1, 3}


def test_it_waits_for_what_it_has_to_know_and_for_nothing_else() -> None:
    search = search_of(plan_of(max_concurrent=1), lambda params: 2)
    first = search.ask()
    assert isinstance(first, Pack)
    assert search.ask() is WAIT
    search.tell(0, trained(first))
    assert isinstance(search.ask(), Pack)
    known = search_of(plan_of(search="random", max_concurrent=1), lambda params: 2)
    asked = []
    while isinstance(pack := known.ask(), Pack):
        asked.append(pack)
    assert pack is None
    assert sum(len(one.trials) for one in asked) == 32


def test_a_pack_is_told_once_and_whole() -> None:
    search = search_of(plan_of(), lambda params: 2)
    pack = search.ask()
    assert isinstance(pack, Pack)
    with pytest.raises(ValueError, match="has trials"):
        search.tell(pack.number, trained(pack)[:1])
    search.tell(pack.number, trained(pack))
    for number in (pack.number, 99):
        with pytest.raises(ValueError, match="was told already"):
            search.tell(number, trained(pack))


def test_seeds_never_meet() -> None:
    assert len({seed_of(0, number) for number in range(10_000)}) == 10_000
    assert seed_of(0, 5) != seed_of(1, 5)
    assert all(0 <= seed_of(3, number) < 2**31 for number in range(100))
