from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.core.errors import SettingRefused
from invplat.core.settings import NAMES, Settings, hide_secrets, load_settings


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def there(home: Path) -> Path:
    home.mkdir()
    return home


def load(here: Path, flags: Mapping[str, str | None] | None = None, /, **environment: str) -> Settings:
    return load_settings(flags, {f"INVPLAT_{name.upper()}": value for name, value in environment.items()}, here)


def test_defaults_live_in_the_home_folder(here: Path) -> None:
    settings = load(here)
    home = Path.home() / ".invplat"
    assert settings == Settings(home, f"sqlite:///{home / 'invplat.db'}", str(home / "storage"), None)
    assert {origin.kind for origin in settings.origins.values()} == {"default"}


def test_database_and_storage_follow_the_home(here: Path, there: Path) -> None:
    settings = load(here, home=str(there))
    assert settings.database_url == f"sqlite:///{there / 'invplat.db'}"
    assert settings.storage_url == str(there / "storage")


@pytest.mark.parametrize("name", NAMES)
def test_flag_wins_over_environment_over_files_over_default(name: str, here: Path, there: Path) -> None:
    values = {
        "home": [str(there.parent / f"home{n}") for n in range(4)],
        "database_url": [f"sqlite:///{n}.db" for n in range(4)],
        "storage_url": [f"s3://bucket{n}" for n in range(4)],
        "address": [f"host:{n}" for n in range(1, 5)],
    }[name]
    base: dict[str, str] = {} if name == "home" else {"home": str(there)}
    seen = []
    if name != "home":
        (there / "invplat.toml").write_text(f'{name} = "{values[0]}"')
        settings = load(here, None, **base)
        seen.append((str(getattr(settings, name)), str(settings.origins[name])))
        assert seen[-1] == (values[0], f"file {there / 'invplat.toml'}")
    (here / "invplat.toml").write_text(f'{name} = "{values[1]}"')
    settings = load(here, None, **base)
    assert (str(getattr(settings, name)), str(settings.origins[name])) == (values[1], f"file {here / 'invplat.toml'}")
    settings = load(here, None, **{**base, name: values[2]})
    assert (str(getattr(settings, name)), str(settings.origins[name])) == (
        values[2],
        f"environment INVPLAT_{name.upper()}",
    )
    settings = load(here, {name: values[3]}, **{**base, name: values[2]})
    flag = "--" + name.replace("_", "-")
    assert (str(getattr(settings, name)), str(settings.origins[name])) == (values[3], f"flag {flag}")


def test_an_empty_variable_and_a_flag_not_given_say_nothing(here: Path) -> None:
    assert load(here, {"address": None}, address="").origins["address"].kind == "default"


def test_relative_paths_start_where_they_are_written(here: Path, there: Path) -> None:
    (here / "invplat.toml").write_text('home = "mine"')
    assert load(here).home == here / "mine"
    (there / "invplat.toml").write_text('storage_url = "bytes"')
    assert load(here, {"home": str(there)}).storage_url == str(there / "bytes")


def test_one_file_in_a_folder_that_is_both_is_read_once(here: Path) -> None:
    (here / "invplat.toml").write_text('home = "."\naddress = "host:1"')
    assert load(here).address == "host:1"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('homme = "x"', "'homme'", "did you mean home?"),
        ('colour = "x"', "'colour'", "the settings are home"),
        ("home = ", "line 1", "home ="),
        ('address = "a"\naddress = "b"', "line 2", "home ="),
        ("home = 3", "home = 3 says nothing", "~/.invplat"),
        ('home = "  "', "says nothing", "~/.invplat"),
        ('[home]\nx = "y"', "says nothing", "~/.invplat"),
        ('database_url = "mysql://u:p@h/d"', "mysql://u:***@h/d", "sqlite:///"),
        ('database_url = "invplat.db"', "neither SQLite nor PostgreSQL", "sqlite:///"),
        ('database_url = ["postgresql://u:word@h/d"]', "says nothing", "postgresql"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(text: str, message: str, hint: str, here: Path) -> None:
    (here / "invplat.toml").write_text(text)
    with pytest.raises(SettingRefused) as refused:
        load(here)
    assert message in refused.value.message
    assert hint in (refused.value.hint or "")
    assert "invplat.toml" in refused.value.message


def test_a_file_that_is_not_text_is_refused_with_its_line(here: Path) -> None:
    (here / "invplat.toml").write_bytes(b'address = "a:1"\nhome = "\xff"')
    with pytest.raises(SettingRefused, match="line 2"):
        load(here)


def test_a_home_that_is_a_file_is_refused(here: Path) -> None:
    (here / "taken").write_text("")
    with pytest.raises(SettingRefused, match="is a file"):
        load(here, home="taken")


def test_the_home_folder_cannot_move_itself(here: Path, there: Path) -> None:
    (there / "invplat.toml").write_text('home = "elsewhere"')
    with pytest.raises(SettingRefused, match="only found once home is known"):
        load(here, home=str(there))


@pytest.mark.parametrize("flag", ["", "  ", "a\0b"])
def test_a_flag_that_says_nothing_is_refused(flag: str, here: Path) -> None:
    with pytest.raises(SettingRefused, match="--storage-url"):
        load(here, {"storage_url": flag})


def test_an_error_of_ours_survives_another_process() -> None:
    error = SettingRefused("message", hint="hint")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.message, again.hint) == (SettingRefused, "message", "hint")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:word@host:5432/base", "postgresql://user:***@host:5432/base"),
        ("postgresql+psycopg://user:p@ss/w:rd@host/base", "postgresql+psycopg://user:***@host/base"),
        ("postgresql://:word@host/base", "postgresql://:***@host/base"),
        ("postgresql://user:my word@host/base", "postgresql://user:***@host/base"),
        (
            "postgresql://host/base?user=u&password=w#rd&sslmode=on",
            "postgresql://host/base?user=u&password=***&sslmode=on",
        ),
        ("s3://bucket/a?aws_secret_access_key=x/y&region=z", "s3://bucket/a?aws_secret_access_key=***&region=z"),
        ("https://host/a?X-Amz-Signature=abc&b=c", "https://host/a?X-Amz-Signature=***&b=c"),
        ("https://host/a?api_key=abc", "https://host/a?api_key=***"),
        ("https://host/a?access_token=abc", "https://host/a?access_token=***"),
        ("cannot reach postgresql://user:word@host/base now", "cannot reach postgresql://user:***@host/base now"),
        ("host=h user=u password=word", "host=h user=u password=***"),
        ("key=store of a row, me@shop.example", "key=store of a row, me@shop.example"),
        ("sqlite:////folder/invplat.db", "sqlite:////folder/invplat.db"),
        ("https://host:9000/bucket", "https://host:9000/bucket"),
    ],
)
def test_secrets_are_hidden_and_nothing_else(url: str, shown: str) -> None:
    assert hide_secrets(url) == shown


@given(st.text(min_size=1))
def test_no_part_of_any_password_is_shown(password: str) -> None:
    shown = hide_secrets(f"postgresql://user:{password}@host/base?application=shop")
    assert shown.removeprefix("postgresql://user:***") in ("@host/base?application=shop", "")


@given(st.from_regex(r"[^&\s]+", fullmatch=True))
def test_no_part_of_a_password_in_a_query_is_shown(password: str) -> None:
    shown = hide_secrets(f"postgresql://host/base?password={password}&application=shop")
    assert shown == "postgresql://host/base?password=***&application=shop"
