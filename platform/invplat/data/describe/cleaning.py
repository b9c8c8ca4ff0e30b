"""The page's sections on cleaning: what came in, what was set aside or mended and why, and what is not there at all."""

from __future__ import annotations

from collections.abc import Sequence

from invplat.core.page.markup import file_name, name, safe, section, table
from invplat.core.page.wording import number, plural
from invplat.data.describe import findings
from invplat.data.describe.description import Description, Trouble


def tables(described: Description) -> str:
    rows = []
    for item in described.tables:
        counts = item.counts
        cells = (counts.rows_in, counts.rows_kept, counts.rows_merged, counts.rows_quarantined, item.rows)
        rows.append(
            (
                f"<b>{safe(item.name)}</b>",
                f'<span class="about">{safe(item.about)}</span>',
                *(number(cell) for cell in cells),
            )
        )
    total = described.counts
    sums = (
        total.rows_in,
        total.rows_kept,
        total.rows_merged,
        total.rows_quarantined,
        sum(t.rows for t in described.tables),
    )
    heads = ("table", "", "rows in", "kept", "merged", "quarantined", "rows now")
    extras = ""
    if described.extras:
        listed = ", ".join(f"<code>{safe(extra)}</code>" for extra in described.extras)
        extras = f'<p class="soft after">Further columns of sales, kept as covariates: {listed}.</p>'
    note = "Rows in are rows kept, merged and quarantined together; none is lost."
    body = table(heads, rows, (2, 3, 4, 5, 6), ("all", "", *(number(value) for value in sums)))
    return section("What came in", findings.arrived(described), note, body, extras)


def quarantined(described: Description) -> str:
    if not described.quarantined:
        return section("Quarantined", "Nothing had to be set aside", "")
    note = (
        "These rows are set aside with their file and row number, and used nowhere. "
        "Mend the file and ingest it again to have them."
    )
    return section("Quarantined", findings.arrived(described), note, _troubles(described.quarantined), bad=True)


def mended(described: Description) -> str:
    both = sorted((*described.repaired, *described.merged), key=lambda trouble: -trouble.count)
    if not both:
        return ""
    total = sum(item.count for item in both)
    note = "Repaired values are kept with a mark of what was done; merged rows have become one."
    return section(
        "Repaired and merged", f"{plural(total, 'time')} a rule stepped in, and nothing was lost", note, _troubles(both)
    )


def lacking(described: Description) -> str:
    if not described.absent:
        return section("Not there", "Every table and column that features are made of is there", "")
    rows = [
        (f"<code>{safe(item.table + ('.' + item.column if item.column else ''))}</code>", safe(item.costs))
        for item in described.absent
    ]
    whole = [item for item in described.absent if not item.column]
    sizes = ((len(whole), "table"), (len(described.absent) - len(whole), "column"))
    what = " and ".join(plural(size, noun) for size, noun in sizes if size)
    title = f"{what} that could help {'is' if len(described.absent) == 1 else 'are'} not there"
    return section(
        "Not there",
        title,
        "Nothing fails without them; this is what each would add.",
        table(("missing", "what that costs"), rows),
    )


def _troubles(found: Sequence[Trouble]) -> str:
    rows = []
    for item in found:
        where = f"<code>{safe(item.table + ('.' + item.column if item.column else ''))}</code>" if item.table else ""
        examples = "<br>".join(
            f'<code>{name(example.value) or "–"}</code> <span class="soft">{file_name(example.file)}'
            + (f", row {example.row:,}" if example.row is not None else "")
            + (f" · {name(example.where)}" if example.where else "")
            + "</span>"
            for example in item.examples
        )
        rows.append((number(item.count), safe(item.says), where, examples))
    return table(("rows", "why", "where", "for example"), rows, (0,))
