"""A job of a few businesses, run in this process: what is asked, and what it writes down."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from invplat.core.errors import BundleRefused, SettingRefused, Unknown
from invplat.core.process import Process
from invplat.model import Model
from invplat.registry import aliases, jobs, tenants, versions
from invplat.registry.bundle import read_seal
from invplat.registry.jobs import State
from invplat.registry.shared import FOLDER, forget
from invplat.transfer import jobs_process
from invplat.transfer.jobs_asked import CONTINUE, find_bases
from tests.transfer.firms import NAMES, typed
from tests.transfer.jobbing import Firms


def test_from_datasets_to_champions(firms: Firms) -> None:
    job = firms.submit()
    told = firms.run(job)
    assert told[0] == f"job {job.id}: 4 to adapt from mlp@1"
    assert jobs.get(firms.database, job.id).state is State.DONE
    assert firms.states(job) == dict.fromkeys(NAMES, "done")
    base = firms.base()
    for name in NAMES:
        found = firms.result(job, name)
        (kept,) = (one for one in versions.of_tenant(firms.database, name) if one.name == "mlp")
        assert found.model == kept.id
        assert found.way == "head"
        assert found.detail is not None
        assert kept.donor == base.id
        assert kept.lineage["job"] == job.id
        assert (kept.verdict or {})["decision"] == found.detail["serves"]
        assert [one.version for one in kept.datasets] == [1]
        assert found.seconds is not None
        assert found.seconds > 0
        rule = [one.id for one in versions.of_tenant(firms.database, name) if one.prefix is None]
        served = {"candidate": [kept.id], "base": [base.id], "seasonal_naive": rule}[found.detail["serves"]]
        assert [firms.champion(name)] == served
        versions.open_bundle(firms.storage, kept)


def test_what_nobody_learnt_is_kept_once_for_all(firms: Firms) -> None:
    base = firms.base()
    firms.run(firms.submit())
    trunk = versions.open_bundle(firms.storage, base).tensors
    kept = [one for name in NAMES for one in versions.of_tenant(firms.database, name) if one.prefix is not None]
    assert len(kept) == len(NAMES)
    seals = [read_seal(firms.storage, str(one.prefix)) for one in kept]
    assert len({seal.shared for seal in seals}) == len(firms.storage.names(FOLDER)) == 1
    for one, seal in zip(kept, seals, strict=True):
        bundle = versions.open_bundle(firms.storage, one)
        own = replace(bundle, shared=None).tensors
        common = replace(bundle, weights=bundle.shared or b"", shared=None).tensors
        assert all(name.startswith(Model.of(bundle).workload.parts.head) for name in own)
        assert own.keys() | common.keys() == trunk.keys()
        # The base's, bit for bit, and so nothing of any business.
        assert all(torch.equal(value, trunk[name]) for name, value in common.items())
        assert one.size == seal.size < base.size
    # Nobody's bundle needs another's.
    for each in (base, *kept[1:]):
        firms.storage.remove(str(each.prefix))
    forget()
    assert Model.of(versions.open_bundle(firms.storage, kept[0])).module is not None


def test_what_a_business_has_learnt_is_never_shared(firms: Firms) -> None:
    """Not even where its next model goes on from it and learns the head alone."""
    name = NAMES[0]
    first = firms.submit([name], way="all")
    firms.run(first)
    own = str(firms.result(first, name).model)
    whole = versions.by_id(firms.database, name, own)
    assert read_seal(firms.storage, str(whole.prefix)).shared is None
    champion = firms.champion(name)
    if champion != own:
        aliases.promote(firms.database, name, "mlp", own, expected=champion, actor="test")
    again = firms.submit([name], mode=CONTINUE)
    firms.run(again)
    after = versions.by_id(firms.database, name, str(firms.result(again, name).model))
    assert after.lineage["continued"] is True
    assert read_seal(firms.storage, str(after.prefix)).shared is None
    assert firms.storage.names(FOLDER) == []


def test_the_same_asked_twice_is_one_job(firms: Firms) -> None:
    job = firms.submit()
    assert firms.submit(NAMES[::-1]).id == job.id  # queued
    firms.run(job)
    assert firms.submit().id == job.id  # done
    others = [firms.submit(way="last"), firms.submit(NAMES[:3]), firms.submit(anew="again"), firms.submit(seed=1)]
    assert len({one.id for one in (job, *others)}) == 5
    for other in others[:1]:
        jobs.stop(firms.database, other.id, actor="test")
    assert firms.submit(way="last").id != others[0].id  # stopped: begun again


def test_new_data_makes_another_job(firms: Firms) -> None:
    job = firms.submit(NAMES[:1])
    extra = firms.home / "more.csv"
    extra.write_text("store,sku,date,quantity\nstore-0,new,2026-01-05,3\n")
    typed(firms.home, "data", "append", "--tenant", NAMES[0], "--mapping", "generic", extra)
    assert firms.submit(NAMES[:1]).id != job.id


def test_what_is_asked_is_checked(firms: Firms) -> None:
    with pytest.raises(SettingRefused, match="heads") as refused:
        firms.asked(way="heads")
    assert "did you mean head?" in str(refused.value.hint)
    with pytest.raises(Unknown, match="mpl") as unknown:
        find_bases(firms.database, firms.storage, ["mpl"], None)
    assert "did you mean mlp" in str(unknown.value.hint)
    with pytest.raises(Unknown, match="no base of gru"):
        find_bases(firms.database, firms.storage, [], "gru")
    with pytest.raises(Unknown, match="nobody"):
        firms.submit(["nobody"])


def test_an_altered_or_missing_donor_is_refused(firms: Firms) -> None:
    base = firms.base()
    job = firms.submit()
    (weights,) = (firms.home / "storage" / str(base.prefix)).glob("weights-*")
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BundleRefused, match="altered"):
        firms.base()
    firms.run(job)  # asked for before: found out by the job itself
    found = jobs.get(firms.database, job.id)
    assert found.state is State.FAILED
    assert "altered" in found.message
    assert set(firms.states(job).values()) == {"queued"}
    weights.unlink()
    with pytest.raises(BundleRefused, match="missing"):
        firms.base()
    weights.write_bytes(content)
    jobs.retry(firms.database, job.id, actor="test")
    firms.run(job)
    assert jobs.get(firms.database, job.id).state is State.DONE


def test_without_data_the_base_serves(firms: Firms) -> None:
    tenants.add(firms.database, "newborn", actor="test")
    job = firms.submit(["newborn", NAMES[0]])
    firms.run(job)
    found = firms.result(job, "newborn")
    assert (found.state, found.way, found.model) == ("done", "untouched", None)
    assert "no data yet" in found.reason
    assert firms.champion("newborn") == firms.base().id


def test_going_on_is_from_ones_own_champion(firms: Firms) -> None:
    first = firms.submit()
    firms.run(first)
    for name in NAMES[:2]:
        own, champion = str(firms.result(first, name).model), firms.champion(name)
        if champion != own:
            aliases.promote(firms.database, name, "mlp", own, expected=champion, actor="test")
    aliases_before = firms.champion(NAMES[0])
    job = firms.submit(NAMES[:2], mode=CONTINUE)
    firms.run(job)
    assert firms.states(job) == dict.fromkeys(NAMES[:2], "done")
    for name in NAMES[:2]:
        model = firms.result(job, name).model
        if model is not None:
            kept = versions.by_id(firms.database, name, model)
            assert kept.lineage["continued"] is True
            if name == NAMES[0]:
                assert kept.donor == aliases_before
    tenants.add(firms.database, "newborn", actor="test")
    base_served = [name for name in NAMES[2:] if firms.champion(name) == firms.base().id]
    for name in base_served[:1]:
        refused = firms.submit([name], mode=CONTINUE)
        firms.run(refused)
        assert "no model to go on from" in firms.result(refused, name).reason


def test_queued_and_forgotten_is_found_out(firms: Firms) -> None:
    job = firms.submit()
    assert jobs_process.checked(firms.database, job).state is State.QUEUED
    assert jobs_process.unattended(job)
    old = replace(job, created="2020-01-01T00:00:00.000000+00:00")
    assert jobs_process.checked(firms.database, old).state is State.LOST
    again = jobs.retry(firms.database, job.id, actor="test")
    jobs.sent(firms.database, again.id, process=replace(Process.this(), born="1"))  # died before it began
    dead = jobs.get(firms.database, again.id)
    assert jobs_process.checked(firms.database, dead).state is State.LOST


def test_what_a_cluster_says_counts(firms: Firms) -> None:
    job = firms.submit()
    jobs.sent(firms.database, job.id, ray_job="invplat-x", address="10.0.0.1:6379")
    found = jobs.get(firms.database, job.id)
    assert jobs_process.checked(firms.database, found, lambda job: None).state is State.QUEUED
    lost = jobs_process.checked(firms.database, found, lambda job: "its Ray Job failed: no module named torch")
    assert lost.state is State.LOST
    assert lost.message == "its Ray Job failed: no module named torch"


def test_what_is_sent_to_a_cluster_holds_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from invplat.core.settings import load_settings
    from invplat.transfer.jobs import _code, _sent

    told: list[str] = []
    monkeypatch.setenv("INVPLAT_STORAGE_OPTIONS", '{"key": "AKIA", "secret": "hidden"}')
    flags = {"database_url": "postgresql://me:hidden@host/invplat", "storage_url": "s3://bucket/folder"}
    sent = _sent(load_settings(flags), told.append)
    assert sent == {"INVPLAT_STORAGE_URL": "s3://bucket/folder"}
    assert "hidden" not in json.dumps([sent, told])
    assert any("INVPLAT_DATABASE_URL" in line for line in told)
    paths = [Path(path) for path in _code(tmp_path)]
    assert {path.name for path in paths[1:]} >= {"invplat", "invplat_workloads"}
    assert "mlp = invplat_workloads.mlp:WORKLOAD" in (paths[0] / "entry_points.txt").read_text()


def test_a_digest_is_of_what_was_asked(firms: Firms) -> None:
    digest = firms.submit().digest
    assert len(digest) == len(hashlib.sha256().hexdigest())
    assert NAMES[0] not in digest
    assert NAMES[0] not in json.dumps(firms.submit().spec)  # it stays when a business has gone
