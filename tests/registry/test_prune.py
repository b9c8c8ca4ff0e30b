"""Old versions go, and nothing that anybody needs: not what was named a moment ago, not what a job is at work on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from invplat.core.errors import Unknown
from invplat.core.process import Process
from invplat.registry import aliases, audit, jobs, models, prune, results, tenants, versions
from invplat.registry.aliases import CHALLENGER, CHAMPION, PREVIOUS
from invplat.registry.bundle import SEAL
from invplat.registry.prune import Rule
from invplat.registry.tables import JOBS
from tests.registry.conftest import Registry
from tests.registry.made import bundle
from tests.registry.pruning import NEWEST, kept, numbers, promoted, pruned

pytestmark = pytest.mark.usefixtures("fresh")


def test_the_newest_of_each_name_stay(shop: Registry) -> None:
    made = kept(shop, 5)
    other = kept(shop, 2, "other")
    looked = prune.found(shop.database, shop.storage, "shop", Rule(keep=3))
    assert [one.id for one in looked.gone] == [one.id for one in made[:2]]
    assert numbers(shop) == [1, 2, 3, 4, 5], "a look removes nothing"
    done = pruned(shop, Rule(keep=3))
    assert [one.id for one in done.gone] == [one.id for one in made[:2]]
    assert done.size == sum(one.size for one in made[:2]) > 0
    assert numbers(shop) == [3, 4, 5]
    assert numbers(shop, "other") == [1, 2]
    for one in (*made[2:], *other):
        versions.open_bundle(shop.storage, one)
    (deed,) = [one for one in audit.of_tenant(shop.database, "shop") if one.action == "model.prune"]
    assert deed.detail is not None
    assert deed.detail["models"] == {"mlp@1": made[0].id, "mlp@2": made[1].id}
    assert not pruned(shop, Rule(keep=3)).gone
    with pytest.raises(ValueError, match="newest"):
        Rule(keep=0)


def test_a_number_is_never_given_twice(shop: Registry) -> None:
    kept(shop, 3)
    pruned(shop)
    assert versions.keep(shop.database, shop.storage, "shop", "mlp", bundle(9)).number == 4
    # Nor where the newest has lost its bytes: the newest that is whole stays as well.
    shop.storage.remove(f"{models.prefix('shop', 'mlp', 4)}/{SEAL}")
    assert not pruned(shop).gone


def test_only_what_is_older(shop: Registry) -> None:
    now = datetime.now(UTC)
    for number, days in ((1, 40), (2, 20), (3, 10), (4, 0)):
        made = (now - timedelta(days=days)).isoformat(timespec="seconds")
        versions.keep(shop.database, shop.storage, "shop", "mlp", bundle(number, made=made))
    pruned(shop, Rule(keep=2, before=now - timedelta(days=30)))
    assert numbers(shop) == [2, 3, 4]
    pruned(shop, Rule(keep=1, before=now - timedelta(days=15)))
    assert numbers(shop) == [3, 4]
    for made in ("long ago", "2020-01-01T00:00:00"):  # of no time that can be told, and of one without its zone
        versions.keep(shop.database, shop.storage, "shop", "odd", bundle(1, made=made))
    versions.keep(shop.database, shop.storage, "shop", "odd", bundle(1))
    pruned(shop, Rule(keep=1, before=now - timedelta(days=15)))
    assert numbers(shop, "odd") == [1, 3]


def test_whatever_is_named_stays(shop: Registry) -> None:
    made = kept(shop, 6)
    promoted(shop, made[0])
    promoted(shop, made[1], made[0])
    aliases.challenge(shop.database, "shop", "mlp", made[2].id, actor="test")
    before = aliases.of_tenant(shop.database, "shop")
    done = pruned(shop)
    assert [one.number for one in done.gone] == [4, 5]
    assert done.named == {
        "mlp@1": "previous of mlp of shop",
        "mlp@2": "champion of mlp of shop",
        "mlp@3": "challenger of mlp of shop",
    }
    assert numbers(shop) == [1, 2, 3, 6]
    assert aliases.of_tenant(shop.database, "shop") == before
    assert {one.alias for one in before} == {CHAMPION, CHALLENGER, PREVIOUS}


def test_a_base_stays_while_anybody_needs_it(shop: Registry) -> None:
    bases = kept(shop, 6, "mlp", None)
    tenants.add(shop.database, "other", actor="test")
    promoted(shop, bases[0], tenant="other")  # a business that a base answers for
    kept(shop, 1, donor=bases[1].id)  # one whose model began as it
    # And one that went on from its own model, which had begun as a base: the row tells the one, its metrics the other.
    went_on = replace(
        bundle(7), documents={**bundle(7).documents, "metrics": {"finetune": {"made": {"base": bases[2].id}}}}
    )
    versions.keep(shop.database, shop.storage, "other", "mlp", went_on, donor="0123456789abcdef")
    job, _ = jobs.submit(shop.database, "finetune", "d", {"bases": [bases[3].id]}, ["shop"], actor="test")
    done = pruned(shop, tenant=None)
    assert [one.number for one in done.gone] == [5]
    assert done.named == {
        "mlp@1": "champion of mlp of other",
        "mlp@2": "models that began as it: 1",
        "mlp@3": "models that began as it: 1",
        "mlp@4": f"job {job.id} speaks of it",
    }
    jobs.stop(shop.database, job.id, actor="test")
    tenants.remove(shop.database, shop.storage, "other", actor="test")
    assert [one.number for one in pruned(shop, tenant=None).gone] == [1, 3, 4]


def test_nothing_of_a_business_that_a_job_is_at_work_for(shop: Registry) -> None:
    kept(shop, 3)
    job, _ = jobs.submit(shop.database, "finetune", "d", {}, ["shop"], actor="test")
    assert set(pruned(shop).named.values()) == {f"job {job.id} is at work for it"}
    mine = jobs.claim(shop.database, job.id, Process.this())
    jobs.lose(shop.database, mine, "silent")  # yet it may live
    assert not pruned(shop).gone
    old = JOBS.update().values(ended="2020-01-01T00:00:00.000000+00:00")
    shop.database.write(lambda connection: connection.execute(old))
    assert len(prune.found(shop.database, shop.storage, "shop", NEWEST).gone) == 2, "not for ever"
    assert jobs.beat(shop.database, job.id, mine.attempt) is jobs.Wish.GO
    assert not pruned(shop).gone
    results.write(shop.database, job.id, [results.Outcome("shop", results.DONE)], attempt=mine.attempt)
    assert [one.number for one in pruned(shop).gone] == [1, 2]


def test_what_referred_to_it_reads_as_before(shop: Registry) -> None:
    made = kept(shop, 2)
    last = versions.keep(shop.database, shop.storage, "shop", "mlp", bundle(3), donor=made[1].id)
    pruned(shop)
    assert versions.by_ids(shop.database, [made[1].id, last.id]).keys() == {last.id}
    assert versions.get(shop.database, "shop", "mlp").donor == made[1].id
    with pytest.raises(Unknown):
        versions.get(shop.database, "shop", "mlp", 2)
    with pytest.raises(Unknown):
        promoted(shop, made[1])
    with pytest.raises(Unknown, match="removed meanwhile"):
        jobs.submit(shop.database, "finetune", "d", {}, ["shop"], models=[made[1].id], actor="test")


# -- killed on the way -------------------------------------------------------------------------------------------------


class Killed(Exception):
    pass


def killed(shop: Registry, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """A prune that dies at one of its removals of bytes."""
    storage, left = shop.storage, [after]
    really = storage.remove

    def remove(prefix: str) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        really(prefix)

    monkeypatch.setattr(storage, "remove", remove)
    with pytest.raises(Killed):
        pruned(shop)
    monkeypatch.setattr(storage, "remove", really)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_killed_on_the_way_the_same_again_ends_it(shop: Registry, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    made = kept(shop, 3)
    promoted(shop, made[2])
    killed(shop, monkeypatch, after)
    assert [one.number for one in versions.of_tenant(shop.database, "shop")] == [3], "rows go first, all or none"
    trouble = versions.sight(shop.database, shop.storage, "shop")  # somebody lists its models meanwhile
    assert trouble == {}
    for one in versions.of_tenant(shop.database, "shop"):
        versions.open_bundle(shop.storage, one)  # what is there is whole: nothing half removed came back
    pruned(shop)
    assert numbers(shop) == [3]
    assert shop.storage.names("tenants/shop/models/mlp") == ["00000003"], "and nothing is left of the others"


def test_a_writer_that_is_not_done_is_no_leftover(shop: Registry) -> None:
    kept(shop, 2)
    shop.storage.write(f"{models.prefix('shop', 'mlp', 3)}/weights-x.safetensors", b"under way")
    assert pruned(shop).leftovers == []
    assert shop.storage.names("tenants/shop/models/mlp") == ["00000002", "00000003"]
