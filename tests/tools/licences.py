"""Licences of everything that invplat brings when it is installed: each one known, and one we may build upon.

Reads what is installed and changes nothing. What only developers install is not looked at. Knows no package: those that
are accepted although their licence is not on the list are in accepted.toml, each with its reason.

    python tests/tools/licences.py
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ACCEPTED = Path(__file__).with_name("accepted.toml")
EXTRAS = frozenset({"s3", "postgres", "export", "explain"})
# Permissive, and weak copyleft: it binds changes to the package itself, not who imports it.
ALLOWED = {
    *("MIT", "MIT-0", "MIT-CMU", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "Zlib", "BSL-1.0"),
    *("PSF-2.0", "Python-2.0", "CC0-1.0", "Unlicense", "MPL-2.0", "LGPL-2.1-or-later", "LGPL-3.0-only"),
    "Apache-2.0 WITH LLVM-exception",
}
# What people write where no SPDX expression is.
WORDS = {
    r"(the )?mit( license)?": "MIT",
    r"apache( software)?( license)?(,? version)?[ -]?(2(\.0)?)?": "Apache-2.0",
    r"(new |modified )?bsd( license)?|(3-clause bsd|bsd[ -]3-clause)( license)?": "BSD-3-Clause",
    r"(2-clause bsd|bsd[ -]2-clause)( license)?": "BSD-2-Clause",
    r"isc( license)?( \(iscl\))?": "ISC",
    r"python software foundation license|psf(-2\.0)?": "PSF-2.0",
    r"mozilla public license 2\.0 \(mpl 2\.0\)|mpl[ -]2\.0": "MPL-2.0",
}


@dataclass(frozen=True)
class Finding:
    version: str
    licence: str


def brought(name: str, extras: frozenset[str]) -> Iterator[Distribution]:
    """The distribution of that name and all that it asks for, each once; what is not installed is nobody's licence."""
    todo = [(name, extras)]
    seen = set(todo)
    found = {name: distribution(name)}
    while todo:
        each, wanted = todo.pop()
        with suppress(PackageNotFoundError):
            found[each] = distribution(each)
        for needs in map(Requirement, (found[each].requires or ()) if each in found else ()):
            if not needs.marker or any(needs.marker.evaluate({"extra": extra}) for extra in {*wanted, ""}):
                more = (str(canonicalize_name(needs.name)), frozenset(needs.extras))
                todo += [more] if more not in seen else []
                seen.add(more)
    yield from found.values()


def licence(metadata: Any) -> str:
    """As it is told: an SPDX expression, else classifiers, else the first line of what somebody wrote."""
    if said := metadata.get("License-Expression"):
        return str(said)
    parts = [line.split(" :: ")[-1] for line in metadata.get_all("Classifier") or () if line.startswith("License ::")]
    if parts:
        return " AND ".join(sorted({spdx(part) or part for part in parts}))
    lines = (metadata.get("License") or "").strip().splitlines()
    return (spdx(lines[0]) or lines[0]) if lines else "not told"


def spdx(words: str) -> str | None:
    return next((known for form, known in WORDS.items() if re.fullmatch(form, words.strip().lower())), None)


def allowed(expression: str) -> bool:
    """OR: one that may be chosen is enough; AND binds closer, and all of it must be allowed."""
    inner = re.search(r"\(([^()]* (?:AND|OR) [^()]*)\)", expression)  # innermost first
    if inner:
        said = "MIT" if allowed(inner[1]) else "none"
        return allowed(expression[: inner.start()] + said + expression[inner.end() :])
    return any(all(one.strip() in ALLOWED for one in way.split(" AND ")) for way in expression.split(" OR "))


def refused(found: Mapping[str, Finding], accepted: Mapping[str, Any]) -> Iterator[str]:
    for name, one in sorted(found.items()):
        exception = next((accepted[form] for form in accepted if fnmatch(name, form)), None)
        if allowed(one.licence):
            if name in accepted:
                yield f"{name} {one.version} is {one.licence}, which needs no exception: take it out of {ACCEPTED.name}"
        elif exception is None:
            yield f"{name} {one.version}: its licence is {one.licence}, which is not on the list in licences.py"
        elif one.licence not in exception["is"]:
            known = " or ".join(exception["is"])
            yield f"{name} {one.version}: accepted as {known}, but its licence is now {one.licence}"


def main() -> None:
    found: dict[str, Finding] = {}
    for each in brought("invplat", EXTRAS):
        name = canonicalize_name(each.metadata["Name"])
        found[name] = Finding(each.version, licence(each.metadata))
    wrong = list(refused(found, tomllib.loads(ACCEPTED.read_text(encoding="utf-8")).get("licence", {})))
    if wrong:
        sys.exit("\n".join(["licences:", *(f"  {line}" for line in wrong)]))
    print(f"licences: {len(found)} packages, each under a licence that we may build upon")


if __name__ == "__main__":
    main()
