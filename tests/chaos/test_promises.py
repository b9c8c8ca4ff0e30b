"""The table of promises itself: rounds are summed up, what was not kept is told of, other files are left alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos.promises import Promise, Row, drawn, said, write


def report(measured: dict[str, Any], when: str = "call") -> SimpleNamespace:
    properties: list[tuple[str, object]] = []
    promise = Promise(properties)
    promise("a node killed", "nothing lost")
    promise("a node killed", measured=measured)
    return SimpleNamespace(when=when, user_properties=properties)


def test_rounds_become_one_line(tmp_path: Path) -> None:
    path = tmp_path / "RELIABILITY.md"
    for seconds in (2.04, 9.0, 3.0):
        write(said({"passed": [report({"requests lost": 0, "seconds to recover": seconds, "by": "itself"})]}), path)
    assert (
        "| a node killed | nothing lost | requests lost 0, seconds to recover 3 (worst 9), by itself | 3 of 3 |"
        in path.read_text()
    )


def test_what_was_not_kept_is_told_of(tmp_path: Path) -> None:
    stats = {"passed": [report({}, "setup"), report({"requests lost": 0})], "failed": [report({"requests lost": 7})]}
    rows = said(stats)
    assert [(row.kept, row.measured) for row in rows] == [("1 of 2", "requests lost 0")]
    assert "NOT KEPT" in drawn(rows)[0]


def test_another_ray_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "RELIABILITY.md"
    write([Row("old", "much", [{}])], path)
    path.write_text(path.read_text().replace('"ray": "', '"ray": "0.'))
    write([Row("new", "more", [{}])], path)
    assert "| new | more | – | 1 of 1 |" in path.read_text()
    assert "| old |" not in path.read_text()


def test_somebody_s_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("# Mine\n")
    with pytest.raises(ValueError, match="not one of ours"):
        write([Row("new", "more", [{}])], path)
    assert path.read_text() == "# Mine\n"


def test_nothing_promised_is_no_promise() -> None:
    with pytest.raises(ValueError, match="nothing was promised"):
        Promise([])("a node killed", measured={"requests lost": 0})
