"""The page's sections on what was sold, stocked and bought; a subject of which nothing is known has none."""

from __future__ import annotations

from invplat.core.page.markup import figure, meter, name, pair, safe, section, table
from invplat.core.page.wording import MONTHS, WEEKDAYS, compact, day, number, percent, plural
from invplat.data.describe import charts, findings
from invplat.data.describe.description import Description
from invplat.data.describe.sales import ADI_BORDER, CV2_BORDER
from invplat.data.describe.shares import shares

STOCK_NOTE = "Counted from the stock left at the end of each {period}: none left is out of stock. "
AVAILABLE_NOTE = "Counted where sales say for which share of the {period} a product was there. "
HIDDEN_AVAILABLE = (
    "Hidden demand is estimated series by series: the share of each {period} without stock, times what the series "
    "sells in a fully stocked {period}. A shelf that empties on a busy {period} hides more than this."
)
HIDDEN_STOCK = (
    "Hidden demand is estimated series by series: what it usually sells in a {period} with stock left, less what it "
    "sold in those without."
)


def coverage(described: Description) -> str:
    found = described.coverage
    if not found.rows:
        return ""
    stores = {store.store: store for store in described.by_store}
    ticks = "".join(
        f'<span style="left:{100 * place / len(found.starts):.1f}%">{text}</span>'
        for place, text in charts.tick_dates(found.starts, 5)
    )
    rows = []
    for row in found.rows:
        picture = charts.strip(row.shares, f"{percent(sum(row.shares) / len(row.shares))} of the series on average")
        if row.stores == 1:
            store = stores[row.label]
            cells = (number(store.series), number(store.rows), compact(store.units), day(store.first), day(store.last))
            label = name(row.label)
        else:
            rest = described.by_store[-row.stores :]
            sums = (sum(s.series for s in rest), sum(s.rows for s in rest), sum(s.units for s in rest))
            first, last = min(s.first for s in rest), max(s.last for s in rest)
            cells = (number(sums[0]), number(sums[1]), compact(sums[2]), day(first), day(last))
            label = f"<i>{safe(row.label)}</i>"
        rest_cells = "".join(f'<td class="n">{cell}</td>' for cell in cells)
        rows.append(f'<tr><td class="name">{label}</td><td class="wide">{picture}</td>{rest_cells}</tr>')
    heads = "".join(f'<th class="n">{head}</th>' for head in ("series", "rows", "units", "first", "last"))
    legend = "".join(
        f'<span><i style="background:var(--s{level})"></i>{text}</span>'
        for level, text in enumerate(("none", "up to 20 %", "40 %", "60 %", "80 %", "100 %"))
    )
    return section(
        "Coverage by store",
        findings.covered(described),
        f"Share of a store's series with at least one row in the {found.unit}; stores with the most units first.",
        f'<div class="legend">{legend}</div>',
        '<div class="scroll"><table class="heat"><thead><tr><th>store</th>'
        f'<th class="wide"><span class="axis-dates">{ticks}</span></th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>",
    )


def demand(described: Description) -> str:
    found = described.demand
    if not found.total:
        return ""
    each = f"units a {described.period}"
    mean = "" if found.unit == described.period else f", mean of each {found.unit}"
    parts = [figure("All demand", each + mean, charts.lines(found.total, found.starts, "Units over time"))]
    habits = []
    if len([value for value in found.weekdays if value is not None]) > 1:
        habits.append(
            figure("By weekday", f"mean {each}", charts.columns(found.weekdays, WEEKDAYS, "Units by weekday"))
        )
    if len([value for value in found.months if value is not None]) > 1:
        habits.append(
            figure("By month of the year", f"mean {each}", charts.columns(found.months, MONTHS, "Units by month"))
        )
    if habits:
        parts.append(pair(*habits))
    if found.categories:
        cells = []
        for line in found.categories:
            share = percent(max(line.units, 0) / described.units) if described.units > 0 else "–"
            cells.append(
                f"<div><h3>{name(line.label)}</h3><p>{share} of units · at most {compact(max(line.values))} a "
                f"{described.period}</p>{charts.spark(line.values, 'Units over time')}</div>"
            )
        parts.append(f'<h3 class="next">By category <span>{each}, each from zero to its own highest</span></h3>')
        parts.append(f'<div class="small">{"".join(cells)}</div>')
    return section("Demand", findings.demanded(described), "", *parts)


def series(described: Description) -> str:
    found, period = described.how_series_sell, described.period
    if not described.series:
        return ""
    corners = tuple(f"{key} {found.classes[key]:,}" for key in ("smooth", "erratic", "intermittent", "lumpy"))
    few = found.classes["few_sales"]
    note = f"A series is one SKU in one store. {findings.silent(described)}."
    if found.bubbles:
        note += (
            f" {findings.regular(described)}; the borders are {ADI_BORDER} {period}s from sale to sale "
            f"and a squared coefficient of variation of {CV2_BORDER}."
        )
    if few:
        verb = "is" if few == 1 else "are"
        note += f" {plural(few, 'series', 'series')} with fewer than three sales {verb} not judged."
    levels = charts.histogram(
        found.levels.edges, found.levels.counts, "Series by level", f"units a {period}, logarithmic"
    )
    scatter = charts.bubbles(found.bubbles, (ADI_BORDER, CV2_BORDER), corners, "Series by regularity")
    parts = []
    if found.levels.counts:
        parts.append(figure("How much a series sells", "number of series", levels))
    if found.bubbles:
        unit = f"CV² of its sales, against {period}s from sale to sale; area is the number of series"
        parts.append(figure("How regularly it sells", unit, scatter))
    return section("Series", findings.seldom(described), safe(note), pair(*parts))


def products(described: Description) -> str:
    found = described.pareto
    if found.skus < 2:
        return ""
    measure = found.measure
    rows = [
        (
            name(item.sku),
            name(item.name or item.category),
            number(item.stores),
            number(item.value),
            percent(item.value / found.value) if found.value else "–",
        )
        for item in found.top
    ]
    parted = [(found.a / found.skus, "A"), ((found.a + found.b) / found.skus, "B"), (1.0, "C")] if found.a else []
    note = (
        f"A: {plural(found.a, 'SKU')} with the first 80 % of {findings.the(measure)}; "
        f"B: {number(found.b)} with the next 15 %; C: the other {number(found.c)}."
    )
    picture = charts.curve(found.curve, parted, "Pareto curve", "share of SKUs, best first")
    best = table(("SKU", "", "stores", measure, "share"), rows, (2, 3, 4))
    return section(
        "Products",
        findings.concentrated(described),
        note,
        pair(
            figure(f"Share of {findings.the(measure)}", "reached with so many SKUs", picture),
            f"<h3>Best {len(rows)}</h3>{best}",
        ),
    )


def stockouts(described: Description) -> str:
    found = described.stockouts
    if found is None:
        return ""
    from_sales = found.source == "available"
    note = AVAILABLE_NOTE if from_sales else STOCK_NOTE
    if found.out:
        note += HIDDEN_AVAILABLE if from_sales else HIDDEN_STOCK
        if found.hidden is not None:
            note += f" Estimate: {number(round(found.hidden))} units."
    head = (
        "the stores"
        if found.stores_in_all <= len(found.stores)
        else f"the {len(found.stores)} stores of {found.stores_in_all:,} with most"
    )
    of = f"series-{described.period}s" if from_sales else "counts"
    lists = []
    if found.out and len(found.stores) > 1:
        lists.append(f"<h3>Out of stock: {head}</h3>" + shares("store", found.stores, of))
    if found.out and found.categories:
        lists.append("<h3>Out of stock by category</h3>" + shares("category", found.categories, of))
    return section("Stockouts", findings.ran_out(described), note.format(period=described.period), pair(*lists))


def returns(described: Description) -> str:
    found = described.returns
    if found is None:
        return ""
    listed = [group for group in found.categories if group.concerned > 0]
    body = pair("<h3>Returned by category</h3>" + shares("category", listed, "units sold")) if listed else ""
    return section(
        "Returns",
        findings.came_back(described),
        "Returned units are kept apart from demand, which is never below zero.",
        body,
    )


def promotion(described: Description) -> str:
    found, prices = described.promotion, described.prices
    if found is None and prices is None:
        return ""
    note, body, title = "", "", findings.promoted(described)
    if prices is not None:
        known = percent(prices.rows / prices.rows_in_all)
        changed = f"{number(prices.changing)} of {plural(prices.series, 'series', 'series')}"
        note = f"A price is known for {known} of rows; it changes in {changed}."
        if found is None:
            title, note = (
                f"Prices are known for {known} of rows; promotions are not",
                f"The price changes in {changed}.",
            )
    if found is not None and found.series:
        note += (
            f" Compared series by series, in {plural(found.series, 'series', 'series')} with at least five "
            f"{described.period}s of each kind: units in a row with promotion against a row without; "
            "the median of the ratios is shown."
        )
        highest = max((item.median for item in found.categories), default=1.0)
        rows = [
            (name(u.category), meter(u.median, highest), f"{u.median:.2f} ×", number(u.series))
            for u in found.categories
        ]
        body = table(("category", "", "uplift", "series"), rows, (2, 3)) if rows else ""
    return section("Price and promotion", title, note, body)


def lead_times(described: Description) -> str:
    found = described.lead_times
    if found is None:
        return ""
    edges = found.days.edges
    tail = edges[-1] - edges[-2] > edges[1] - edges[0]
    across = "days from order to receipt" + ("; the last bar holds all longer ones" if tail else "")
    picture = charts.histogram(edges, found.days.counts, "Receipts by lead time", across, tail=tail)
    rows = [
        (name(s.name), number(s.receipts), f"{s.mean:.1f}", f"{s.deviation:.1f}", number(s.p90))
        for s in found.suppliers
    ]
    left = found.suppliers_in_all - len(found.suppliers)
    more = f'<p class="soft">and {plural(left, "smaller supplier")}</p>' if left else ""
    by_supplier = table(("supplier", "receipts", "mean days", "std. dev.", "9 of 10 within"), rows, (1, 2, 3, 4)) + more
    note = f"From {plural(found.receipts, 'receipt')}; standard deviation {number(round(found.deviation, 1))} days."
    return section(
        "Lead times",
        findings.delivered(described),
        note,
        pair(figure("Lead times", "number of receipts", picture), by_supplier),
    )


def dead_stock(described: Description) -> str:
    found = described.dead_stock
    if found is None:
        return ""
    rows = [
        (
            name(i.store),
            name(i.sku),
            name(i.name),
            number(i.on_hand),
            day(i.last_sold) if i.last_sold else "never",
            number(i.value) if i.value else "–",
        )
        for i in found.worst
    ]
    body = (
        "<h3>Candidates, dearest first</h3>"
        + table(("store", "SKU", "", "on hand", "last sold", "value at cost"), rows, (3, 4, 5))
        if rows
        else ""
    )
    return section(
        "Dead stock",
        findings.idle(described),
        f"Series with stock at the end, and no sale in the last {found.days} days of the data.",
        body,
    )
