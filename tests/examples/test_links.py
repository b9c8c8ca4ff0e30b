"""Every example is within two clicks of the README, and says itself what it is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PICTURES = "pictures"  # of the README


def links(path: Path) -> set[Path]:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = (target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text))
    return {(path.parent / target).resolve() for target in found if target and not re.match(r"[a-z]+:", target)}


def folders() -> list[Path]:
    return sorted(path for path in EXAMPLES.iterdir() if path.is_dir() and path.name != PICTURES)


def test_every_example_is_two_clicks_away() -> None:
    first = links(ROOT / "README.md")
    assert first & {EXAMPLES, EXAMPLES / "README.md"}, "the README links to examples/"
    assert set(folders()) <= links(EXAMPLES / "README.md")


def test_every_example_says_what_it_is_and_names_its_files() -> None:
    assert len(folders()) >= 6
    for folder in folders():
        linked = links(folder / "README.md")
        for path in (each for each in folder.iterdir() if each.is_file() and each.name != "README.md"):
            assert path in linked, f"{folder.name}/README.md does not link to {path.name}"


def test_every_example_is_run_by_a_test() -> None:
    tests = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)
    )
    for folder in folders():
        assert re.search(rf'"examples" / "{folder.name}"', tests), f"no test runs examples/{folder.name}"
