from __future__ import annotations

from pathlib import Path

import pytest

from invplat.core.errors import SettingRefused
from invplat.core.space import Choice, Integer, Space, Uniform
from invplat.tune.space_file import space_of

SPACE = Space(
    {
        "hidden": Choice((32, 64, 128), default=64, grid=(50, 100), shape=True),
        "layers": Integer(1, 4, default=2, shape=True),
        "rate": Uniform(1e-5, 1e-1, default=1e-3, log=True, grid=(1e-4, 1e-2)),
        "loss": Choice(("square", "pinball"), default="pinball"),
    }
)


def changed(tmp_path: Path, text: str) -> Space:
    path = tmp_path / "space.toml"
    path.write_text(text)
    return space_of(SPACE, path)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert changed(tmp_path, "") == SPACE


def test_narrower_wider_and_fixed(tmp_path: Path) -> None:
    space = changed(
        tmp_path,
        """
        loss = "square"
        [hidden]
        options = [128, 256, 128]
        [layers]
        high = 9
        step = 2
        [rate]
        low = 1e-3
        high = 1
        """,
    )
    assert space.dimensions["loss"] == Choice(("square",), "square")
    assert space.dimensions["hidden"] == Choice((128, 256), 128, shape=True)
    assert space.dimensions["layers"] == Integer(1, 9, 1, step=2, shape=True)  # 2 is no more of the steps
    assert space.dimensions["rate"] == Uniform(1e-3, 1, 1e-3, log=True, grid=(1e-2,))
    assert list(space.dimensions) == list(SPACE.dimensions)


def test_another_grid_and_a_range_that_becomes_options(tmp_path: Path) -> None:
    space = changed(tmp_path, "[hidden]\ngrid = [7]\n[rate]\noptions = [1, 0.5]\n[layers]\nvalue = 3")
    assert space.dimensions["hidden"] == Choice((32, 64, 128), 64, grid=(7,), shape=True)
    assert space.dimensions["rate"] == Choice((1.0, 0.5), 0.5)
    assert space.dimensions["layers"] == Choice((3,), 3, shape=True)
    assert space.grid_size() == 1 * 1 * 2 * 2


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[rates]\nlow = 1", "'rates' is no param", "did you mean rate?"),
        ("[rate]\nlo = 1e-4", "rate: 'lo' can't be set", "did you mean low?"),
        ("[rate]\nlow = 0.1\nhigh = 0.01", "rate: a range from 0.1 to 0.01 is empty", "lower end first"),
        ("[rate]\nlow = 0.5", "rate: a range from 0.5 to 0.1 is empty", "lower end first"),
        ("[rate]\nlow = 0", "rate: a logarithmic range from 0", "leave log out"),
        ("[layers]\nlow = -1\nlog = true", "layers: a logarithmic range from -1", "above zero"),
        ("[rate]\nhigh = inf", "rate: a range from 1e-05 to inf", "lower end"),
        ("[rate]\nlow = nan", "rate: low = nan", "write a number"),
        ('[rate]\nlow = "small"', "rate: low = 'small'", "write a number"),
        ("[rate]\nlog = 1", "rate: log = 1", "log = true"),
        ("[rate]\nstep = 1", "'step' can't be set", "low"),
        ("[layers]\nhigh = 2.5", "layers: high = 2.5", "whole number"),
        ("[layers]\nhigh = true", "layers: high = True", "whole number"),
        ("[layers]\nstep = 0", "layers: step = 0", "1 or more"),
        ("[layers]\nlog = true\nstep = 2", "layers: step = 2", "logarithmic"),
        ('[hidden]\noptions = [32, "64"]', "hidden: options = .* mixes types", "all of them as numbers"),
        ("[hidden]\noptions = [true, 1]", "mixes types", "numbers"),
        ("[hidden]\noptions = [1.5]", "hidden: options = 1.5", "whole number"),
        ("[hidden]\noptions = []", r"hidden: options = \[\]", "at least one"),
        ("[hidden]\ngrid = 32", "hidden: grid = 32", "a list"),
        ("[hidden]\nlow = 1", "hidden: 'low' can't be set", "options"),
        ("[hidden]\nvalue = 1\noptions = [1]", "a value and more", "alone"),
        ("[rate]\nlow = 1\noptions = [1]", "options and a range", "one of them"),
        ("loss = 3", "loss: value = 3", "text"),
        ("loss = [1]", r"loss: value = \[1\]", "text"),
        ("[hidden\n", "is not TOML", "options = "),
    ],
)
def test_what_makes_no_sense_is_said_with_the_param(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(SettingRefused, match=message) as refused:
        changed(tmp_path, text)
    assert "space.toml" in refused.value.message
    assert hint in str(refused.value.hint)


def test_a_file_that_can_t_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(SettingRefused, match="can't be read"):
            space_of(SPACE, path)
    (tmp_path / "other.toml").write_bytes(b"\xff")
    with pytest.raises(SettingRefused, match="not UTF-8"):
        space_of(SPACE, tmp_path / "other.toml")
