"""A node of three is lost while a study, a fit or a job of 200 businesses runs on it: what had ended is kept, the rest
is done again on the others, and all ends as if nothing had happened."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invplat.cli.sight import register_dataset
from invplat.cluster import nodes
from invplat.cluster.note import HEAD
from invplat.data.dataset import Dataset
from invplat.registry.database import open_database
from invplat.storage import open_storage
from tests.chaos.promises import Promise
from tests.chaos.three import Three, three
from tests.chaos.tuning import TRIALS, Tuning, begun, command, done, until
from tests.transfer.firms import NAMES, firms_in

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(900)]
BUSINESSES = 200
TUNE = "a worker node killed during tune"
TRAIN = "a worker node killed during train"
PACKS = "ray::Packs"
FINETUNE = f"a worker node killed during a fine-tune of {BUSINESSES} businesses"


@pytest.fixture(scope="module")
def cluster(shop_home: Path) -> Iterator[Three]:
    with three(shop_home) as found:
        yield found


@pytest.fixture
def whole(cluster: Three) -> Three:
    """All three of it, whatever the test before has done."""
    nodes.heal(cluster.home, told=print)
    assert cluster.alive() == {HEAD: True, "node-1": True, "node-2": True}
    return cluster


def test_a_study(tuning: Tuning, whole: Three, tmp_path: Path, promise: Promise) -> None:
    promise(TUNE, "no finished trial lost or run twice; at most the pack that ran there is run again; same study")
    calm = Tuning(tuning.home, tmp_path / "calm")
    done(calm.words("--in-process", "--json", "--epochs", 40))
    with begun(tuning.words("--address", "cluster", "--quiet", "--epochs", 40)) as process:
        tuning.wait(1, process)
        victim = whole.worker_of(PACKS)
        kept = tuning.packs("done")
        began = whole.kill(victim)
        going = under_way(tuning)
        until(lambda: going.keys() <= tuning.packs("done").keys(), process)
        took = time.monotonic() - began
        _, trouble = process.communicate()
    assert process.returncode == 0, trouble
    assert "Traceback" not in trouble
    tuning.check()
    after = tuning.packs("done")
    assert {number: after[number] for number in kept} == kept
    assert tuning.tried() == calm.tried()
    assert tuning.values() == pytest.approx(calm.values(), rel=1e-5)
    redone = max((len(pack["trials"]) for pack in going.values()), default=0)  # of the one that was there
    figures = {"finished trials lost": 0, "trials redone at most": redone, "of": TRIALS, "seconds to recover": took}
    promise(TUNE, measured=figures)


def under_way(tuning: Tuning) -> dict[str, Any]:
    """Packs that were handed out and have not ended."""
    ended = tuning.packs("done")
    return {number: pack for number, pack in tuning.packs("asked").items() if number not in ended}


def test_a_fit(whole: Three, promise: Promise) -> None:
    promise(TRAIN, "the fit goes on from its last epoch with who is left, and ends with the same model")
    fixed = ["--tenant", "shop", "--spec", "past=14,horizon=7", "--params", "hidden_one=32,hidden_two=32,batch_size=16"]
    fixed += ["--epochs", "20", "--patience", "0", "--windows", "1500"]
    calm = whole.invplat("train", "mlp", *fixed, "--name", "calm")
    words = ["train", "mlp", *fixed, "--name", "lost", "--workers", 2, "--address", "cluster"]
    with begun(command(*words, "--home", whole.home, "--json", "--quiet")) as process:
        until(lambda: epochs(whole.home) >= 3, process)
        victim = whole.worker_of("ray::RayTrainWorker")
        began, before = whole.kill(victim), epochs(whole.home)
        until(lambda: epochs(whole.home) > before + 1, process)
        took = time.monotonic() - began
        assert epochs(whole.home) < 20, "it had ended before the node was lost"
        said, trouble = process.communicate()
    assert process.returncode == 0, trouble
    found = json.loads(said)
    assert found["epochs"] == calm["epochs"] == 20
    assert found["validation_loss"] == pytest.approx(calm["validation_loss"], rel=1e-4)
    figures = {"epochs lost": 0, "epochs redone at most": 1, "of": 20, "seconds to recover": took}
    promise(TRAIN, measured=figures)


def test_a_job_of_many_businesses(home: Path, tmp_path_factory: pytest.TempPathFactory, promise: Promise) -> None:
    promise(
        FINETUNE, "nobody lost, nobody adapted twice, everybody's outcome their own; the packs there are sent again"
    )
    firms_in(home, tmp_path_factory)
    many(home)
    with three(home, dashboard=True) as cluster:
        asked = ("finetune", "submit", "--all", "--way", "all", "--epochs", 40, "--address", "cluster")
        job = cluster.invplat(*asked)["job"]
        until(lambda: 0 < len(adapted(home, job)) < BUSINESSES)
        victim = cluster.worker_of("ray::_adapt")
        before = adapted(home, job)
        began = cluster.kill(victim)
        again: list[str] = []
        until(lambda: bool(again.extend(sent_again(cluster, job)) or again))
        took = time.monotonic() - began
        found = cluster.invplat("jobs", "status", job, "--wait")
        again = sent_again(cluster, job)
    assert (found["state"], found["done"], found["tenants"]) == ("done", BUSINESSES, BUSINESSES)
    after = adapted(home, job)
    assert len(after) == BUSINESSES
    assert {name: after[name] for name in before} == before
    for name, row in after.items():
        folder = home / "storage" / "tenants" / name / "models" / "mlp"
        kept = sorted(path.parent.name for path in folder.rglob("bundle.json")) if folder.exists() else []
        assert kept == (["00000001"] if row["model"] else [])
    assert any(row["model"] for row in after.values())
    for one in NAMES:  # whoever has the same facts comes to the same
        kinds = {(row["state"], bool(row["model"])) for name, row in after.items() if name.startswith(one)}
        assert len(kinds) == 1, (one, kinds)
    figures = {"businesses lost": 0, "packs redone": len(again), "businesses kept before": len(before)}
    promise(FINETUNE, measured={**figures, "seconds until sent again": took})


def many(home: Path) -> None:
    """Copies of the first four, under names of their own."""
    tenants = home / "storage" / "tenants"
    storage = open_storage(str(home / "storage"))
    with open_database(f"sqlite:///{home / 'invplat.db'}") as database:
        for number in range(len(NAMES), BUSINESSES):
            source = NAMES[number % len(NAMES)]
            name = f"{source}-{number:04d}"
            shutil.copytree(tenants / source / "datasets", tenants / name / "datasets")
            for path in (tenants / name / "datasets").rglob("*.json"):
                path.write_text(path.read_text().replace(f'"tenant": "{source}"', f'"tenant": "{name}"'))
            register_dataset(database, Dataset.open(storage, name, 1).manifest)


def adapted(home: Path, job: str) -> dict[str, dict[str, object]]:
    """Who is done, and with what."""
    from invplat.registry import results

    with open_database(f"sqlite:///{home / 'invplat.db'}") as database:
        found = results.of_job(database, job, states=(results.DONE,))
        return {one.tenant: {"state": one.state, "model": one.model} for one in found}


def sent_again(cluster: Three, job: str) -> list[str]:
    return [line for line in cluster.invplat("jobs", "logs", job)["log"] if "sent again" in line]


def epochs(home: Path) -> int:
    """Of the fit that is under way."""
    for path in (home / "storage" / "fits").glob("*/epochs.json"):
        try:
            return len(json.loads(path.read_text()))
        except (OSError, ValueError):
            return 0
    return 0
