"""Pieces of HTML. Everything that comes from outside passes `safe` or `name`; everything else is ours."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from invplat.core.page.wording import harmless, short

LONGEST = 90
LONG_WORD = 24  # characters; such a word may be broken, shorter ones never are


def safe(text: str) -> str:
    return escape(harmless(text), quote=True)


def name(text: str) -> str:
    """A name of the business's own: set apart, so that a right-to-left one does not turn its neighbours around."""
    shown = short(text, LONGEST)
    title = f' title="{safe(text)}"' if shown != text else ""
    wraps = ' class="long"' if any(len(word) > LONG_WORD for word in shown.split()) else ""
    return f"<bdi{title}{wraps}>{safe(shown)}</bdi>"


def file_name(path: str) -> str:
    """The last part of a path; the whole of it is told on pointing."""
    last = path.rstrip("/").rsplit("/", 1)[-1]
    return f'<span title="{safe(path)}">{name(last)}</span>' if last != path else name(path)


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = (), foot: Sequence[str] = ()
) -> str:
    """Cells are HTML already; `numeric` columns stand at the right."""
    kind = [' class="n"' if place in numeric else "" for place in range(len(heads))]

    def line(cells: Sequence[str], tag: str = "td") -> str:
        of = ' scope="col"' if tag == "th" else ""
        return "<tr>" + "".join(f"<{tag}{of}{kind[place]}>{cell}</{tag}>" for place, cell in enumerate(cells)) + "</tr>"

    body = "".join(line(row) for row in rows)
    end = f"<tfoot>{line(foot)}</tfoot>" if foot else ""
    return f'<div class="scroll"><table><thead>{line(heads, "th")}</thead><tbody>{body}</tbody>{end}</table></div>'


def meter(share: float, highest: float = 1.0) -> str:
    width = 100 * max(0.0, min(1.0, share / highest if highest > 0 else 0.0))
    return f'<span class="meter"><i style="width:{width:.1f}%"></i></span>'


def figure(caption: str, unit: str, picture: str) -> str:
    said = f" <span>{unit}</span>" if unit else ""
    return f"<figure><figcaption>{caption}{said}</figcaption>{picture}</figure>"


def pair(*parts: str) -> str:
    cells = "".join(part if part.startswith("<figure") else f"<div>{part}</div>" for part in parts)
    return f'<div class="pair">{cells}</div>' if cells else ""


def section(eyebrow: str, finding: str, note: str, *parts: str, bad: bool = False) -> str:
    """`finding` is text and may hold names from outside; `note` and parts are HTML."""
    kind = ' class="bad"' if bad else ""
    said = f'<p class="soft">{note}</p>' if note else ""
    return f'<section{kind}><p class="eyebrow">{eyebrow}</p><h2>{safe(finding)}</h2>{said}{"".join(parts)}</section>'
