"""One HTML file around what is to be shown: no script, nothing fetched, light and dark, fit to print."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from invplat.core.page.markup import safe


def sheet(title: str, parts: Sequence[str]) -> str:
    """`title` is text and may hold names from outside; parts are HTML: a header, sections, a footer."""
    style = (resources.files("invplat.core.page") / "style.css").read_text(encoding="utf-8")
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
