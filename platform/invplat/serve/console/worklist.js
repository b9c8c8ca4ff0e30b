// Today: what to order, the most money at risk first; what is out of the ordinary above it.

import { accuracy, alerts, forgetAccuracy, marked, offSaid } from "./accuracy.js";
import { csv, save } from "./csv.js";
import { h, icon, put, rested, say, svg } from "./dom.js";
import { count, cover, known, longDate, money, period, share, units } from "./format.js";
import { Grid } from "./grid.js";
import { empty, loaded, notice, raise } from "./notices.js";
import { chosen, EXCEPTIONS, exceptionsOf, forget, orders, summed } from "./orders.js";
import { go, link, refine } from "./router.js";
import { session } from "./session.js";

const OLD = 14; // days after which what is known is called old
const TYPED = 120; // milliseconds of rest before what is typed is looked for
let back = null; // where the list was left
let last = []; // the list as it was left

/** The items before and after one in the list; the list will come back at the one that is looked at. */
export function beside(store, sku) {
  const at = last.findIndex((row) => row.store === store && row.sku === sku);
  if (at >= 0 && back) Object.assign(back, { index: at, moved: back.moved || at !== back.index });
  return at < 0 ? [] : [last[at - 1], last[at + 1], last[at]];
}

export const title = () => "Today";

export function show(host, route) {
  const wish = Object.fromEntries(route.query);
  const page = { leave: () => {}, keys: null };
  loaded(host, orders, (answer) => (answer.orders.length ? list(answer, wish, page) : nothing()), 9).catch(raise);
  return { leave: () => page.leave(), keys: (event) => page.keys?.(event) };
}

function nothing() {
  return [h("div", { class: "heading" }, h("h1", {}, "Today")), empty(
    "No items yet", "There is no data of this business to forecast from. Once sales are ingested, its orders are here.",
    h("p", {}, h("code", {}, `invplat data ingest --tenant ${session.tenant} …`)))];
}

function list(answer, wish, page) {
  let shown = [];
  const grid = new Grid({ label: "Orders", columns: columns(answer), open, sorted });
  const total = h("div", { class: "totals", role: "status" });
  const chips = h("div", { class: "cards", role: "group", "aria-label": "Exceptions" });
  const none = h("div");
  const told = h("div");
  const filter = h("input", {
    type: "search", value: wish.q ?? "", placeholder: "Find a SKU, store or category",
    "aria-label": "Filter the orders",
    "aria-keyshortcuts": "/",
    oninput: rested(TYPED, () => change({ q: filter.value })),
  });
  const bar = h("div", { class: "bar", role: "search" },
    h("label", { class: "find" }, icon("search"), filter, h("kbd", {}, "/")),
    choice("store", "All stores", answer.stores), choice("category", "All categories", answer.categories),
    h(
      "label", { class: "check" },
      h(
        "input",
        {
          type: "checkbox", checked: wish.placed === "1",
          onchange: (event) => change({ placed: event.target.checked ? "1" : "" }),
        },
      ),
      "To order only",
    ),
    h("label", { class: "sort-by" }, h("span", { class: "unseen" }, "Sort by"),
      h("select", { onchange: (event) => change({ sort: event.target.value, way: "" }) },
        SORTS.map(([key, text]) => h(
          "option", { value: key, selected: key === (wish.sort || "money_at_risk") }, text,
        )))),
    h("button", { class: "button export", onclick: out }, icon("download"), "Export CSV"));

  function choice(name, every, values) {
    if (!values.length) return null;
    return h("select", { "aria-label": every, onchange: (event) => change({ [name]: event.target.value }) },
      h("option", { value: "" }, every), values.map((value) => h(
        "option", { value, selected: wish[name] === value }, value,
      )));
  }

  function sorted(key) {
    const down = (wish.sort || "money_at_risk") === key ? wish.way === "up" : !["sku", "store"].includes(key);
    change({ sort: key, way: down ? "down" : "up" });
  }

  function change(more) {
    Object.assign(wish, more);
    refine(wish);
    draw();
    say(`${count(shown.length, "item")} shown`);
  }

  function draw(active = -1) {
    shown = last = chosen(answer.orders, wish);
    const key = wish.sort || "money_at_risk";
    grid.set(shown, key, wish.way ? wish.way === "down" : !["sku", "store"].includes(key), active);
    put(
      chips,
      cards(chosen(answer.orders, { ...wish, exception: "" }), wish, (name) => change(
        { exception: wish.exception === name ? "" : name },
      )),
    );
    put(total, totals(summed(shown), answer.orders.length));
    put(none, shown.length ? null : empty("Nothing matches", "No item is left under these filters.",
      h("button", { class: "button", onclick: clear }, "Clear the filters")));
  }

  function clear() {
    for (const field of bar.querySelectorAll("input, select")) {
      if (field.type === "checkbox") field.checked = false;
      else if (!field.closest(".sort-by")) field.value = "";
    }
    change({ q: "", store: "", category: "", exception: "", placed: "" });
    filter.focus();
  }

  function open(row, index) {
    back = {
      tenant: session.tenant, hash: location.hash, index, top: scrollY, keyed: document.activeElement === grid.element,
    };
    go("sku", [row.store, row.sku]);
  }

  function out() {
    save(`orders-${session.tenant}-${answer.as_of}.csv`, csv(shown));
    notice(`${count(shown.length, "line")} saved as CSV.`);
  }

  page.leave = () => grid.leave();
  page.keys = (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      filter.focus();
      filter.select();
    } else if (event.key === "Escape" && event.target === filter) {
      filter.value = "";
      change({ q: "" });
      grid.element.focus();
    } else if ((event.key === "ArrowDown" || event.key === "Enter") && event.target === filter) {
      event.preventDefault();
      grid.element.focus();
    } else if (event.key === "ArrowDown" && !typing && document.activeElement !== grid.element) {
      event.preventDefault();
      grid.element.focus();
    }
  };
  queueMicrotask(() => {
    const returned = back && back.tenant === session.tenant && back.hash === location.hash ? back : null;
    back = null;
    draw(returned ? returned.index : -1);
    if (returned) {
      if (!returned.moved) scrollTo(0, returned.top);
      if (returned.keyed) grid.element.focus({ preventScroll: true });
    }
    accuracy().then((found) => {
      if (!found || !told.isConnected) return;
      put(told, alerts(found));
      if (marked(answer.orders, found.off)) draw(grid.active);
    }).catch(raise);
  });
  return [heading(answer), told, chips, bar, grid.element, none, total];
}

function heading(answer) {
  const sums = summed(answer.orders);
  const risk = known(sums.risk) && sums.risk > 0;
  const old = Math.floor((Date.now() - Date.parse(answer.as_of)) / 86_400_000);
  const again = () => {
    forget();
    forgetAccuracy();
    dispatchEvent(new HashChangeEvent("hashchange"));
  };
  return h("div", { class: "heading" },
    h("div", {},
      h(
        "p", { class: "over" }, `Known until ${longDate(answer.as_of)}`,
        old > OLD ? h("span", { class: "badge stale" }, icon("stale"), `${count(old, "day")} ago`) : null,
        ` · model ${answer.model.reference}`,
      ),
      h("h1", {}, sums.orders ? h("span", {}, `${count(sums.orders, "order")} to place`) : "Nothing to order today"),
      h("p", { class: "lead" },
        risk ? [h("strong", {}, money(sums.risk)), " of margin is at risk. "] : null,
        sums.orders ? [
          "Ordering ", h("strong", {}, `${units(sums.units)} units`),
          known(sums.value) ? [" for ", h("strong", {}, money(sums.value))] : null,
          " brings every item back to its level.",
        ] : "Every item has what it needs until the next review.")),
    h(
      "button", {
        class: "plain again", onclick: again, title: "Ask again", "aria-label": "Ask again",
      }, icon("refresh"),
    ));
}

function cards(rows, wish, toggle) {
  return exceptionsOf(rows).map(({ name, count: many, risk }) => {
    const [text, help] = EXCEPTIONS[name] ?? [name.replaceAll("_", " "), ""];
    return h("button", {
      class: `card ${name}`, "aria-pressed": String(wish.exception === name), title: help,
      disabled: !many && wish.exception !== name, onclick: () => toggle(name),
    },
      h("span", { class: "card-name" }, icon(name), text),
      h("span", { class: "card-count" }, units(many)),
      h(
        "span", { class: "card-note" },
        risk > 0 ? `${money(risk)} at risk` : many ? (name === "overstock" ? "money tied up" : "look at it") : "none",
      ));
  });
}

function totals(sums, all) {
  const pair = (name, value, more) => h(
    "span", { class: more ? "total-more" : "" }, h("span", { class: "total-name" }, name), h("b", {}, value),
  );
  return [
    h(
      "span", { class: "totals-count" },
      sums.items === all ? count(all, "item") : `${units(sums.items)} of ${count(all, "item")}`,
    ),
    pair("Orders", units(sums.orders)), pair("Units", units(sums.units), true), pair(
      "Order value", money(sums.value), true,
    ), pair("At risk", money(sums.risk)),
  ];
}

const SORTS = [
  ["money_at_risk", "Money at risk"], ["order_value", "Order value"], ["order", "Order"],
  ["stockout_risk", "Stockout risk"], ["cover", "Cover"], ["on_hand", "On hand"], ["sku", "SKU"],
];

function columns(answer) {
  const per = period(answer.frequency);
  return [
    { key: "sku", title: "Item", class: "c-item", cell: (row) => [
      h(
        "div", { class: "line", title: row.name ? `${row.sku}, ${row.name}` : row.sku },
        h("a", { href: link("sku", [row.store, row.sku]), tabindex: -1, class: "name" }, row.sku),
        row.name ? h("span", { class: "called" }, row.name) : null,
      ),
      h("span", { class: "sub" }, [row.store, row.category].filter(Boolean).join(" · "))] },
    { key: "exceptions", title: "Exceptions", class: "c-why", cell: (row) => row.exceptions.map((name) => badge(name, row)) },
    {
      key: "order", title: "Order", class: "c-order num", help: "Units to order now",
      cell: (row) => (row.order > 0 ? h("b", { class: "order" }, units(row.order)) : h(
        "span", { class: "dim" }, row.order === 0 ? "0" : "–",
      )),
    },
    {
      key: "on_hand", title: "On hand", class: "c-stock num",
      help: "Units in stock; the mark is the reorder point, the end the order-up-to level",
      cell: (row) => [h("span", {}, units(row.on_hand)), gauge(row)],
    },
    {
      key: "cover", title: "Cover", class: "c-cover num", help: "Periods that the stock lasts",
      cell: (row) => cover(row.cover, per),
    },
    {
      key: "stockout_risk", title: "Stockout risk", class: "c-risk num", help: "Before and after this order",
      cell: (row) => risk(row),
    },
    {
      key: "order_value", title: "Order value", class: "c-value num",
      cell: (row) => (row.order === 0 ? h("span", { class: "dim" }, "–") : money(row.order_value)),
    },
    {
      key: "money_at_risk", title: "At risk", class: "c-money num",
      help: "Money at risk: sales expected to be lost if nothing is ordered",
      cell: (row) => h("b", {}, money(row.money_at_risk)),
    },
  ];
}

export function badge(name, row = null) {
  const title = name === "forecast_off" && row?.off ? offSaid(row.off) : null;
  return h("span", { class: `badge ${name}`, title }, icon(name), (EXCEPTIONS[name] ?? [name.replaceAll("_", " ")])[0]);
}

function risk(row) {
  if (!known(row.stockout_risk)) return h("span", { class: "dim" }, "–");
  const after = row.order > 0 && known(row.stockout_risk_after) ? h(
    "span", { class: "after" }, ` → ${share(row.stockout_risk_after)}`,
  ) : null;
  return [h("span", { class: row.stockout_risk > 0.5 ? "bad" : "" }, share(row.stockout_risk)), after];
}

function gauge(row) {
  if (!known(row.on_hand) || !known(row.order_up_to)) return null;
  const most = Math.max(row.order_up_to, row.on_hand, 1);
  const at = (value) => Math.max(0, Math.min(1, value / most)) * 64;
  const kind = row.on_hand > row.order_up_to * 1.05 ? "over" : row.on_hand <= (row.reorder_point ?? 0) ? "low" : "well";
  return svg("svg", { class: `gauge ${kind}`, width: 64, height: 8, "aria-hidden": "true" },
    svg("rect", { class: "track", y: 2, width: 64, height: 4, rx: 2 }),
    svg("rect", { class: "fill", y: 2, width: at(row.on_hand), height: 4, rx: 2 }),
    known(row.reorder_point) ? svg(
      "rect", { class: "tick", x: Math.max(0, at(row.reorder_point) - 1), width: 2, height: 8 },
    ) : null);
}
