"""Every command, option, module and path that the files name is there."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from tests.cluster_files.folder import FOLDER, PROSE, ROOT, RULES, documents, texts

END = re.compile(r"[|;&><)\]\n]|[.,]\s|\s#|\"$|\"\s|\s\"|'\s|'$")
HOLE = re.compile(r"[A-Z]{2,}|…|\.\.\.|-{1,2}…")
NOT_OURS = ("ray", "kubectl", "docker", "aws")


def lines(program: str) -> Iterator[tuple[Path, str]]:
    """What is typed after the program's name, to the end of that command."""
    for path, text in texts():
        for found in re.finditer(rf"(?<![\w./@:-])(?<!-n ){program} (?=[a-z]|--help|--version)", text):
            rest = END.split(text[found.end() :], maxsplit=1)[0]
            yield path, rest.strip().rstrip(".,:")


def walked(group: click.Command, words: list[str], name: str) -> tuple[click.Command, list[str]]:
    context = click.Context(group, info_name=name)
    while isinstance(group, click.Group):
        options = {one for each in group.params for one in each.opts}
        while words and words[0].startswith("-"):
            assert words[0] in options | {"--help", "--version"}, f"{name} has no {words[0]}"
            words = words[1:]
        if not words:
            return group, []
        below = group.get_command(context, words[0])
        assert below is not None, f"{name} has no command {words[0]!r}"
        name, group, words = f"{name} {words[0]}", below, words[1:]
        context = click.Context(group, info_name=name, parent=context)
    return group, words


def check(group: click.Group, name: str, typed: str) -> None:
    command, rest = walked(group, split(typed), name)
    known = {one: each for each in command.params for one in (*each.opts, *each.secondary_opts)}
    for place, word in enumerate(rest):
        if word.startswith("-") and not HOLE.fullmatch(word) and len(word) > 1:
            option, _, value = word.partition("=")
            assert option in known or option in ("--help", "-h"), f"{name} {typed}: no option {option}"
            kind = known.get(option)
            if kind is None or (isinstance(kind, click.Option) and kind.is_flag):
                continue
            value = value or (rest[place + 1] if place + 1 < len(rest) else "")
            if isinstance(kind.type, click.Choice) and value and not HOLE.fullmatch(value):
                assert value in kind.type.choices, f"{name} {typed}: {option} {value}"


def split(typed: str) -> list[str]:
    try:
        return shlex.split(typed)
    except ValueError:
        return typed.split()


def test_commands_of_ours_are_there() -> None:
    from invplat.cli.main import cli

    found = list(lines("invplat"))
    assert len(found) > 40
    for path, typed in found:
        try:
            check(cli, "invplat", typed)
        except AssertionError as error:
            raise AssertionError(f"{path.relative_to(ROOT)}: invplat {typed}: {error}") from None


def test_commands_of_ray_are_there() -> None:
    from ray.scripts.scripts import cli

    found = [
        (path, typed) for path, typed in lines("ray") if re.match(r"(up|down|exec|start|stop|status|dash|get-)", typed)
    ]
    assert len(found) > 8
    for path, typed in found:
        try:
            check(cli, "ray", typed)
        except AssertionError as error:
            raise AssertionError(f"{path.relative_to(ROOT)}: ray {typed}: {error}") from None


@pytest.mark.parametrize(
    "typed",
    ["deplyo", "deploy --prot 8000", "tenant key make corner-shop", "tenant key create corner-shop --scope everything"],
)
def test_a_slip_is_found(typed: str) -> None:
    from invplat.cli.main import cli

    with pytest.raises(AssertionError):
        check(cli, "invplat", typed)


def test_scripts_begin_with_programs_that_are_known() -> None:
    known = {"invplat", "pg_dump", "pg_restore", "python3", "read", "export", "curl", "make", "mkdir", "cp", *NOT_OURS}
    for path in PROSE:
        for block in re.findall(
            r"^( *)```bash\n(.*?)^ *```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        ):
            script = re.sub(r"\\\n", " ", block[1])
            subprocess.run(["bash", "-n", "-c", script], check=True)
            first = {line.split()[0] for line in script.splitlines() if line.strip()}
            assert first <= known, f"{path.name}: {first - known}"


def test_targets_and_benchmarks_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for path, text in [one for one in texts() if one[0] in PROSE]:
        for target, name in re.findall(r"\bmake ([a-z-]+)(?: NAME=(\w+))?", text):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{path.name}: make {target}"
            assert not name or (ROOT / "tests" / "benchmarks" / f"{name}.py").exists(), f"{path.name}: {name}"


def test_modules_are_there() -> None:
    for path, text in texts():
        for name in re.findall(r"\bpython -m ([\w.]+)", text):
            assert name in ("venv",) or find_spec(name) is not None, f"{path.name}: {name}"


@cache
def kept() -> frozenset[str]:
    return frozenset(path.name for path in FOLDER.rglob("*") if path.is_file())


def test_files_that_are_named_are_there() -> None:
    named = re.compile(
        r"(?<![\w/~$.:@-])([\w.-]+(?:/[\w.-]+)*\.(?:ya?ml|json|md|txt|toml)|(?:cluster|tests)/[\w./-]+\w)"
    )
    found = 0
    for path in (*PROSE, *(one for one in FOLDER.rglob("*") if one.suffix in (".yaml", ".yml", ".json"))):
        for name in named.findall(path.read_text(encoding="utf-8")):
            places = (
                ROOT / name,
                path.parent / name,
                FOLDER / name,
                FOLDER / "kuberay" / name,
                FOLDER / "compose" / name,
                ROOT / "tests" / "tools" / name,
            )
            bare = "/" not in name and name in kept()
            assert bare or any(place.exists() for place in places) or name.endswith(".env"), f"{path.name} names {name}"
            found += 1
    assert found > 30


def test_headings_that_are_named_are_there() -> None:
    runbook = (FOLDER / "RUNBOOK.md").read_text(encoding="utf-8")
    anchors = {_anchor(one) for one in re.findall(r"^#+ (.+)$", runbook, re.MULTILINE)}
    rules = [rule for group in documents(RULES)[0]["groups"] for rule in group["rules"]]
    for rule in rules:
        path, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert path == "cluster/RUNBOOK.md"
        assert anchor in anchors, rule["alert"]
    for anchor in re.findall(r"\]\(#([^)]+)\)", runbook):
        assert anchor in anchors, anchor
    for name in re.findall(
        r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", "".join(path.read_text(encoding="utf-8") for path in PROSE)
    ):
        if name not in ("CreateContainerConfigError",):
            assert name in {rule["alert"] for rule in rules}, f"no alert {name}"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
