"""What the house promises, held by tests: light imports, doors and floors, a README that works."""

from __future__ import annotations

import ast
import json
import os
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from invplat import __version__

ROOT = Path(__file__).parents[1]
PLATFORM = ROOT / "platform"
PACKAGE = PLATFORM / "invplat"
HEAVY = ("ray", "torch", "optuna", "pandas", "fastapi", "polars", "pyarrow", "matplotlib", "duckdb", "sklearn", "scipy")
DOORS = {"session.py", "train/distributed.py", "tune/trials.py", "transfer/jobs.py", "serve/deployment.py"}
DOORS |= {"cluster/node.py"}  # the program that a node's process begins with: `ray start` itself
TEXT = (".py", ".md", ".toml", ".txt", ".cfg", ".yml", ".yaml", ".html", ".csv", ".json", "")
# Walks the commands as a person's shell would reach them, in a Python of its own, and tells what that imported.
WALK = """
import json, sys
import click
from invplat.cli.main import cli
def walk(command, context, path):
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            yield from walk(below, click.Context(below, info_name=name, parent=context), f"{path} {name}")
first = cli.get_help(click.Context(cli, info_name="invplat"))
after_first = sorted(name for name in sys.modules if name.startswith("invplat."))
found = dict(walk(cli, click.Context(cli, info_name="invplat"), "invplat"))
print(json.dumps({"help": found, "first": after_first, "modules": sorted(sys.modules)}))
"""


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def sources(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found, f"no source under {folder}: the test would hold nothing"
    return found


def files() -> list[Path]:
    """What is kept under version control, or would be: not what tools leave behind."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]
    folders = ("platform", "workloads", "tests", "cluster", "examples")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    return [path for path in (*found, *ROOT.iterdir()) if path.is_file()]


@pytest.fixture(scope="module")
def walked() -> dict[str, dict[str, str]]:
    ended = subprocess.run([sys.executable, "-c", WALK], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, dict[str, str]] = json.loads(ended.stdout)
    return found


def test_no_help_imports_anything_heavy(walked: dict[str, dict[str, str]]) -> None:
    assert len(walked["help"]) > 3
    assert [name for name in HEAVY if name in walked["modules"]] == []


def test_the_first_help_imports_no_command(walked: dict[str, dict[str, str]]) -> None:
    assert [name for name in walked["first"] if not name.startswith(("invplat.cli", "invplat.core"))] == []
    ours = {f"invplat.cli.{name}" for name in ("lazy", "main", "output", "progress")}
    assert {name for name in walked["first"] if name.startswith("invplat.cli.")} == ours


def test_every_help_has_an_example(walked: dict[str, dict[str, str]]) -> None:
    without = [path for path, text in walked["help"].items() if not re.search(r"Examples?:\n+ +.*\binvplat ", text)]
    assert without == []


def test_platform_is_never_a_package() -> None:
    assert PLATFORM.is_dir()
    assert not (PLATFORM / "__init__.py").exists()
    assert not Path(platform.__file__).is_relative_to(ROOT / "platform")


def test_ray_has_few_doors() -> None:
    inside = {
        path.relative_to(PACKAGE).as_posix()
        for path in sources(PACKAGE)
        if any(name.split(".")[0] == "ray" for name in imports(path))
    }
    assert "session.py" in inside
    assert inside <= DOORS


def test_core_is_the_standard_library_only() -> None:
    for path in sources(PACKAGE / "core"):
        for name in imports(path):
            top = name.split(".")[0]
            assert top in sys.stdlib_module_names or name.startswith("invplat.core"), f"{path.name} imports {name}"


def project() -> dict[str, list[str]]:
    """Declared dependencies by extra; the core ones under ''."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = {"": declared["dependencies"], **declared["optional-dependencies"]}
    return {extra: [re.split(r"[\[<>=!~ ]", entry)[0].lower() for entry in entries] for extra, entries in lists.items()}


def test_what_is_imported_is_declared() -> None:
    extras = project()
    allowed = {name for extra, names in extras.items() if extra != "dev" for name in names}
    owners = packages_distributions()
    for path in sources(PLATFORM):
        for name in imports(path):
            top = name.split(".")[0]
            if top in sys.stdlib_module_names or top == "invplat":
                continue
            owned = {owner.lower().replace("_", "-") for owner in owners.get(top, [top])}
            assert owned & allowed, f"{path.relative_to(ROOT)} imports {name}, which pyproject.toml does not name"


def test_every_direct_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.lower().split("==") for line in lines if line and not line.startswith("#"))
    assert [name for names in project().values() for name in names if name not in pins and name != "pip"] == []
    assert [name for name, version in pins.items() if "+" in version] == []


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == __version__


def test_no_file_names_a_place_on_somebody_s_machine() -> None:
    place = re.compile(r"(?<![\w.:/~*-])/(?:home|root|work|Users|mnt)/\w")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files()
        if path.suffix in TEXT
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if place.search(line)
    ]
    assert found == []


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def test_links_lead_somewhere() -> None:
    for path in (path for path in files() if path.suffix == ".md"):
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        targets = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text)
        for target in ("".join(pair) for pair in targets):
            if re.match(r"[a-z]+:|#", target):
                continue
            assert (path.parent / target.split("#")[0]).exists(), f"{path.relative_to(ROOT)} links to {target}"


def commands(text: str) -> list[str]:
    """The shell blocks that begin with `invplat`, as scripts: prompts taken off, a console's answers left out.

    Python blocks are scripts too.
    """
    found = []
    for kind, block in re.findall(r"^```(console|bash|python)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        script = block
        if kind == "python":
            found.append(f"python - <<'END'\n{block}END\n")
            continue
        if kind == "console" and re.search(r"^\$ ", block, re.MULTILINE):
            script = "".join(f"{line[2:]}\n" for line in block.splitlines() if line.startswith(("$ ", "> ")))
        if re.match(r"(\s*#.*\n)*\s*invplat\b", script):
            found.append(script)
    return found


def test_shell_blocks_are_found_as_they_are_written() -> None:
    blocks = (
        ("console", "$ invplat a \\\n> --b\nanswer\n"),
        ("bash", "# why\ninvplat c\n"),
        ("bash", "make demo\n"),
        ("python", "x = 1\n"),
    )
    text = "\n".join(f"```{kind}\n{block}```\n" for kind, block in blocks)
    assert commands(text) == ["invplat a \\\n--b\n", "# why\ninvplat c\n", "python - <<'END'\nx = 1\nEND\n"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_readme_s_commands_work_in_order(tmp_path: Path) -> None:
    scripts = commands(readme())
    assert scripts, "the README shows no command"
    program = f'set -euo pipefail\npython() {{ "{sys.executable}" "$@"; }}\ninvplat() {{ python -m invplat "$@"; }}\n'
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INVPLAT_")}
    environment["HOME"] = str(tmp_path)
    for script in scripts:
        ended = subprocess.run(
            ["bash", "-c", program + script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"
