"""What a study comes to in a few sentences, and the commands that make it again and go on from it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from invplat.core.page.wording import percent, plural
from invplat.tune.study import Study, figure_text, measure
from invplat.tune.trial import State


@dataclass(frozen=True)
class Verdict:
    """What a study comes to, in sentences."""

    finding: str
    beside: str  # the default params
    next: str  # the command that goes on from here


def verdict(study: Study) -> Verdict:
    best, default, said = study.best, study.default, measure(study.metric)
    go_on = train_command(study) if best is not None else resume_command(study)
    if not study.finished:
        return Verdict("No trial has ended yet", "", go_on)
    if best is None:
        return Verdict(f"None of {plural(len(study.finished), 'trial')} came to a value", "", go_on)
    value = study.value(best)
    assert value is not None  # it is ranked
    finding = f"The best of {plural(len(study.finished), 'trial')} has a {said.label} of {figure_text(value)}"
    if default is None:
        return Verdict(
            finding, "The default params are not among its trials, so what tuning gained is not known.", go_on
        )
    if default is best:
        return Verdict(finding, "Its params are the defaults: tuning gained nothing here.", go_on)
    usual = study.value(default)
    if usual is None:
        return Verdict(finding, f"The default params have no value: they {default.state.value}.", go_on)
    if default.state is State.STOPPED:
        after = plural(len(default.validation), "epoch")
        beside = f"The default params were at {figure_text(usual)} when they were stopped after {after}"
        return Verdict(finding, f"{beside}: what tuning gained over them is not known.", go_on)
    gained = (usual - value) / abs(usual) if usual else 0.0
    said_gain = f"the best is {percent(round(gained, 4))} below that" if gained > 0 else "they are as good"
    return Verdict(finding, f"The default params have {figure_text(usual)}: {said_gain}.", go_on)


def train_command(study: Study) -> str:
    tenants = [word for tenant, _ in study.plan.datasets for word in ("--tenant", tenant)]
    return shlex.join(["invplat", "train", study.plan.workload, *tenants, "--from", study.plan.name, *_storage(study)])


def resume_command(study: Study) -> str:
    return shlex.join(["invplat", "tune", study.plan.workload, "--resume", study.plan.name, *_storage(study)])


def tune_command(study: Study) -> str:
    plan = study.plan
    words = ["invplat", "tune", plan.workload]
    words += [word for tenant, _ in plan.datasets for word in ("--tenant", tenant)]
    words += ["--search", plan.search, *(["--trials", str(plan.trials)] if plan.trials is not None else [])]
    words += ["--metric", ",".join(plan.metrics), "--scheduler", plan.scheduler, "--epochs", str(plan.epochs)]
    words += ["--patience", str(plan.patience), "--max-concurrent", str(plan.max_concurrent), "--seed", str(plan.seed)]
    given = {"frequency": "--frequency", "most": "--windows"}
    words += [word for name, flag in given.items() if name in plan.spec for word in (flag, str(plan.spec[name]))]
    spec = {name: value for name, value in plan.spec.items() if name not in given}
    if spec:
        values = {key: "/".join(map(str, one)) if isinstance(one, list | tuple) else one for key, one in spec.items()}
        words += ["--spec", ",".join(f"{key}={value}" for key, value in values.items())]
    words += [word for name in plan.warm for word in ("--warm-start", name)]
    return shlex.join([*words, "--name", plan.name, *_storage(study)])


def _storage(study: Study) -> list[str]:
    return ["--storage", study.storage] if study.storage else []
