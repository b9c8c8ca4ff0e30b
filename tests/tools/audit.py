"""Known vulnerabilities of the versions in constraints.txt, as the database of OSV has them today.

A vulnerability that is known fails, unless accepted.toml says why it may stay and until when. Where the database can't
be reached nothing was looked at: that is said, and fails with --strict only.

    python tests/tools/audit.py --strict
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from packaging.utils import canonicalize_name

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
ACCEPTED = Path(__file__).with_name("accepted.toml")
OSV = "https://api.osv.dev"
PATIENCE = 15.0  # seconds that one request may keep silent
PACK = 500  # versions a request; the service takes a thousand


@dataclass(frozen=True)
class Known:
    package: str
    version: str
    names: Sequence[str]  # under which lists have it
    fixed: Sequence[str]
    summary: str

    def __str__(self) -> str:
        mend = f"fixed in {' or '.join(self.fixed)}" if self.fixed else "no version mends it yet"
        return f"{self.package} {self.version}: {', '.join(self.names)}, {mend}: {self.summary}"


def pins(text: str) -> list[tuple[str, str]]:
    lines = [line.partition("#")[0].partition("==") for line in text.splitlines()]
    return [(canonicalize_name(name.strip()), version.strip()) for name, _, version in lines if version]


def looked_up(url: str, versions: Sequence[tuple[str, str]]) -> Iterator[Known]:
    """Each vulnerability of a package once, however many lists have it."""
    said: set[tuple[str, str]] = set()
    for (package, version), id in listed(url, versions):
        try:
            told = answer(f"{url}/v1/vulns/{quote(id, safe='')}")
        except OSError:
            told = {"id": id}  # that there is one counts, whatever it is
        one = known(package, version, told)
        names = {(package, name) for name in one.names}
        if not told.get("withdrawn") and not names & said:
            said |= names
            yield one


def listed(url: str, versions: Sequence[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], str]]:
    """Which version has which, by the database's own names; a long answer comes in pages."""
    waiting: list[tuple[tuple[str, str], dict[str, str]]] = [(pin, {}) for pin in versions]
    while waiting:
        part, waiting = waiting[:PACK], waiting[PACK:]
        asked = [{"package": {"name": pin[0], "ecosystem": "PyPI"}, "version": pin[1], **page} for pin, page in part]
        results = answer(f"{url}/v1/querybatch", {"queries": asked})["results"]
        if len(results) != len(part):
            raise ValueError(f"{len(results)} answers to {len(part)} questions")
        for (pin, _), result in zip(part, results, strict=True):
            yield from ((pin, each["id"]) for each in result.get("vulns", ()))
            if token := result.get("next_page_token"):
                waiting.append((pin, {"page_token": token}))


def known(package: str, version: str, told: Mapping[str, Any]) -> Known:
    affected = [one for one in told.get("affected", ()) if canonicalize_name(one["package"]["name"]) == package]
    events = [e for one in affected for each in one.get("ranges", ()) if each["type"] != "GIT" for e in each["events"]]
    fixed = sorted({event["fixed"] for event in events if "fixed" in event})
    names = (told["id"], *sorted(told.get("aliases", ())))
    return Known(package, version, names, fixed, " ".join(told.get("summary", "no summary").split()))


def answer(url: str, body: Any = None) -> Any:
    content = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, content, {"Content-Type": "application/json"}), timeout=PATIENCE) as said:
        return json.load(said)


def standing(found: Sequence[Known], accepted: Sequence[Mapping[str, Any]], today: date) -> Iterator[str]:
    for one in found:
        entry = next((each for each in accepted if each["package"] == one.package and each["id"] in one.names), None)
        if entry is None:
            yield str(one)
        elif entry["until"] < today:
            yield f"{one}; was accepted until {entry['until']}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=OSV, help="of the database")
    parser.add_argument("--strict", action="store_true", help="not to have looked is a failure too")
    given = parser.parse_args()
    versions = pins(CONSTRAINTS.read_text(encoding="utf-8"))
    try:
        found = list(looked_up(given.url.rstrip("/"), versions))
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"audit: not done, {given.url} does not answer ({type(error).__name__}: {error})")
        return 1 if given.strict else 0
    accepted = tomllib.loads(ACCEPTED.read_text(encoding="utf-8")).get("vulnerability", [])
    if wrong := list(standing(found, accepted, date.today())):
        print("audit: known vulnerabilities", *wrong, sep="\n  ", file=sys.stderr)
        return 1
    print(f"audit: {len(versions)} versions, none with a vulnerability that is known and not accepted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
