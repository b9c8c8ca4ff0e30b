"""What every picture shares: one look, colours that the page can turn dark, and the ways out as PNG and SVG.

Figures are made without pyplot, so nothing is kept between two. Names from outside may stand in a picture: they are
text, never mathematics or markup, cut where they are long. Knows nothing of what is drawn.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

from invplat.core.files import write_whole
from invplat.core.page.markup import safe
from invplat.core.page.wording import compact, harmless, short

WIDE = 10.0  # inches
DOTS = 120  # an inch: 1,200 pixels across
INK, SOFT, LINE, CARD = "#1c2530", "#5c6875", "#e1e4e4", "#ffffff"
ACCENT, OTHER = "#1d6f7a", "#a8501f"  # teal and orange: told apart with any kind of colour blindness
BEHIND = "#b9c2c8"  # bars and lines that stand behind
SHADES = ("#d8e8e9", "#a9ced2", "#73aeb5", "#3f8b95", ACCENT)
# The same colours by the names that the page's style sheet gives them, for light, dark and paper.
BY_NAME = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    CARD: "var(--card)",
    ACCENT: "var(--accent)",
    OTHER: "var(--warn)",
    BEHIND: "var(--behind)",
    **{shade: f"var(--s{number})" for number, shade in enumerate(SHADES[:4], 1)},
}
LONGEST = 34  # letters of a name
STYLE: Any = {  # matplotlib types its keys one by one
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "text.parse_math": False,
    "text.hinting": "none",
    "axes.unicode_minus": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 9,
    "axes.titlesize": 9.5,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "ytick.major.size": 0,
    "xtick.major.size": 3,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": CARD,
    "axes.facecolor": CARD,
    "svg.fonttype": "none",
    "svg.hashsalt": "invplat",  # the same picture twice is the same bytes
}


@contextmanager
def styled() -> Iterator[None]:
    """The look, and no complaint about a letter that the font lacks: it becomes a box, which says as much."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        yield


def figure(title: str, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure of the common width with its title at the left, and its axes row by row."""
    room = ConstrainedLayoutEngine(h_pad=0.09, w_pad=0.06, hspace=0.06, wspace=0.04)
    drawn = Figure(figsize=(WIDE, height), layout=room)
    axes = drawn.subplots(rows, columns, squeeze=False, **options)
    drawn.suptitle(word(title, 110), x=0.012, ha="left", fontsize=12, fontweight="bold", color=INK)
    return drawn, list(np.ravel(axes))


def word(text: str, most: int = LONGEST) -> str:
    """A name from outside, fit to stand in a picture."""
    return short(harmless(str(text)), most)


def counted(axis: Any, steps: int = 5, *, whole: bool = False) -> None:
    """Ticks at round numbers, written 12.5k and 3M."""
    axis.set_major_locator(MaxNLocator(steps, integer=whole, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: compact(float(f"{value:.10g}"))))


def legend(drawn: Figure, handles: Sequence[Any], columns: int = 6) -> None:
    """Below the pictures, in the order given, once for all of them."""
    drawn.legend(handles=list(handles), loc="outside lower left", ncols=columns, handlelength=1.8, columnspacing=1.6)


def png(drawn: Figure, path: Path) -> Path:
    content = BytesIO()
    with styled():
        drawn.savefig(content, format="png", dpi=DOTS)
    return write_whole(path, content.getvalue())


def title_of(drawn: Figure) -> str:
    return str(drawn.get_suptitle())


def svg(drawn: Figure) -> str:
    """For a page: without its title, which the page says as text; colours and letters are the style sheet's."""
    title = drawn._suptitle  # type: ignore[attr-defined]  # the one way to the text object itself
    content = StringIO()
    with styled():
        title.set_visible(False)
        title.set_in_layout(False)
        drawn.savefig(content, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        title.set_visible(True)
        title.set_in_layout(True)
    return _plain(content.getvalue(), title_of(drawn))


def _plain(text: str, label: str) -> str:
    """As part of an HTML page: nothing named but what is pointed at, no rules and no letters of its own."""
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text[text.index("<svg") :], flags=re.DOTALL)
    head, _, rest = text.partition(">")
    box = re.search(r'viewBox="[^"]*"', head)
    assert box is not None  # matplotlib's own
    rest = re.sub(r">\s+<", "><", re.sub(r"<[^>]*>", _tag, rest))
    return f'<svg {box.group()} role="img" aria-label="{safe(label)}">{rest.strip()}'


def _tag(found: re.Match[str]) -> str:
    """One tag; the text between tags is never touched."""
    tag = re.sub(r'<g id="[^"]*"', "<g", found.group()).replace("xlink:href", "href")
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path.group()), tag)
    for colour, name in BY_NAME.items():
        tag = tag.replace(colour, name)
    return tag.replace("\n", "")
