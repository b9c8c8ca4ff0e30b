"""Packs: everybody in one, of about equal work, none larger than memory is meant for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from invplat.transfer.jobs_asked import Asked
from invplat.transfer.jobs_packs import MOST, ROWS, Pack, Wanted, cut

SIZES = st.lists(st.integers(0, 6_000_000), max_size=200)


def wanted(sizes: list[int]) -> list[Wanted]:
    return [Wanted(f"firm-{number:03d}", 1, rows) for number, rows in enumerate(sizes)]


@given(SIZES, st.integers(1, 5))
def test_everybody_is_in_one_pack(sizes: list[int], at_once: int) -> None:
    packs = cut(wanted(sizes), at_once)
    assert sorted(each.tenant for pack in packs for each in pack) == [each.tenant for each in wanted(sizes)]
    for pack in packs:
        assert 0 < len(pack) <= MOST
        assert len(pack) == 1 or sum(each.rows for each in pack) <= 2 * ROWS + MOST * 20_000
        assert [each.rows for each in pack] == sorted((each.rows for each in pack), reverse=True)


def test_every_process_has_as_much_to_do() -> None:
    assert [len(pack) for pack in cut(wanted([1000] * 20), 2)] == [10, 10]
    assert [len(pack) for pack in cut(wanted([1000] * 200), 2)] == [50, 50, 50, 50]
    assert [len(pack) for pack in cut(wanted([1000] * 3), 8)] == [1, 1, 1]
    assert cut([], 4) == []
    work = [sum(each.weight for each in pack) for pack in cut(wanted([100_000, *([10_000] * 20)]), 2)]
    assert max(work) < 1.5 * min(work)


def test_halves() -> None:
    pack = Pack(1, "job", "place", Asked("mlp", ("a",)), (), tuple(wanted([3, 2, 1])), tries=1)
    first, second = pack.halves()
    assert first.tenants + second.tenants == pack.tenants
    assert first.tries == second.tries == 0
