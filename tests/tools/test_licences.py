"""What is brought in is found with its licence, and what is not on the list is refused."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from tests.tools import licences
from tests.tools.licences import Finding, allowed, brought, licence, refused


def metadata(**lines: str | list[str]) -> Message:
    found = Message()
    for name, value in lines.items():
        for one in [value] if isinstance(value, str) else value:
            found[name.replace("_", "-")] = one
    return found


def installed(site: Path, name: str, *lines: str) -> None:
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *lines, ""]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.mark.parametrize(
    "expression",
    [
        "MIT",
        "Apache-2.0 OR GPL-3.0-only",
        "MPL-2.0 AND (Apache-2.0 OR GPL-2.0-only)",
        "(MIT AND (BSD-3-Clause OR GPL-2.0-only)) OR GPL-3.0-only",
        "BSD-2-Clause AND Apache-2.0 WITH LLVM-exception",
    ],
)
def test_what_we_may_build_upon(expression: str) -> None:
    assert allowed(expression)


@pytest.mark.parametrize(
    "expression",
    [
        *("GPL-3.0-only", "MIT AND GPL-3.0-only", "(MIT OR Apache-2.0) AND AGPL-3.0-or-later", "not told", ""),
        *("GPL-2.0-only WITH LLVM-exception", "MIT AND (GPL-2.0-only OR AGPL-3.0-only)", "mit-like"),
    ],
)
def test_what_we_may_not(expression: str) -> None:
    assert not allowed(expression)


def test_a_licence_is_read_as_it_is_written() -> None:
    bsd, gpl = "License :: OSI Approved :: BSD License", "License :: OSI Approved :: GNU General Public License (GPL)"
    assert licence(metadata(License_Expression="MIT", Classifier=[gpl])) == "MIT"
    assert licence(metadata(Classifier=[bsd, "Topic :: Games"], License="whatever it is")) == "BSD-3-Clause"
    assert licence(metadata(Classifier=[bsd, gpl])) == "BSD-3-Clause AND GNU General Public License (GPL)"
    for words in ("Apache 2.0", "Apache License, Version 2.0", "apache-2.0", "Apache Software License 2.0"):
        assert licence(metadata(License=words)) == "Apache-2.0"
    assert licence(metadata(License="Beerware, of my own\nlong text")) == "Beerware, of my own"
    assert licence(metadata()) == "not told"


def test_all_that_is_brought_and_nothing_else(site: Path) -> None:
    lines = [f"Requires-Dist: {each}" for each in ("Below_It>=1", "only-dev; extra == 'dev'", "for-s3; extra == 's3'")]
    installed(site, "on-top", "License-Expression: MIT", *lines, "Requires-Dist: elsewhere; python_version < '3'")
    installed(site, "below-it", "Requires-Dist: on-top[s3]", "Requires-Dist: nobody-has-this")
    for name in ("only-dev", "for-s3", "elsewhere"):
        installed(site, name)

    def names(extras: frozenset[str]) -> list[str]:
        found: list[Distribution] = list(brought("on-top", extras))
        return sorted(each.metadata["Name"] for each in found)

    assert names(frozenset()) == ["below-it", "for-s3", "on-top"]  # by way of below-it
    assert names(frozenset({"dev"})) == ["below-it", "for-s3", "on-top", "only-dev"]


def test_what_is_not_on_the_list_is_refused() -> None:
    found = {
        "fine": Finding("1", "MIT"),
        "odd": Finding("2", "Beerware"),
        "copyleft": Finding("3", "GPL-3.0-only"),
        "nvidia-nvtx": Finding("4", "LicenseRef-NVIDIA-Proprietary"),
        "changed": Finding("5", "AGPL-3.0-only"),
        "better": Finding("6", "MIT"),
    }
    accepted = {"nvidia-*": {"is": ["LicenseRef-NVIDIA-Proprietary"]}, "changed": {"is": ["GPLv2"]}}
    accepted["better"] = {"is": ["GPLv2"]}
    said = list(refused(found, accepted))
    assert [line.split()[0] for line in said] == ["better", "changed", "copyleft", "odd"]
    assert "take it out" in said[0]
    assert "accepted as GPLv2, but its licence is now AGPL-3.0-only" in said[1]
    assert "copyleft 3: its licence is GPL-3.0-only" in said[2]


def test_a_package_that_comes_with_gpl_ends_the_command(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpl = "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)"
    installed(site, "free-as-in-gnu", gpl)
    installed(site, "on-top", "License-Expression: MIT", "Requires-Dist: free-as-in-gnu")

    def ours(name: str, extras: frozenset[str]) -> Iterator[Distribution]:
        assert name == "invplat"
        return brought("on-top", extras)

    monkeypatch.setattr(licences, "brought", ours)
    with pytest.raises(SystemExit) as ended:
        licences.main()
    assert "free-as-in-gnu 1.0: its licence is GNU General Public License v3 (GPLv3)" in str(ended.value)


def test_ours_hold(capsys: pytest.CaptureFixture[str]) -> None:
    licences.main()
    assert int(capsys.readouterr().out.split()[1]) > 80


def test_every_exception_has_its_reason() -> None:
    import tomllib

    accepted = tomllib.loads(licences.ACCEPTED.read_text(encoding="utf-8"))
    assert set(accepted) <= {"licence", "vulnerability"}
    assert all(len(one["reason"]) > 20 and isinstance(one["is"], list) for one in accepted["licence"].values())
    for one in accepted.get("vulnerability", ()):
        assert set(one) == {"package", "id", "reason", "until"}
