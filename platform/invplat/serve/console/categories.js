// The business by category: what is expected of each, and how its stock is kept.

import { get, ofTenant, read } from "./api.js";
import { h, put } from "./dom.js";
import { count, date, known, money, period, share, short, units } from "./format.js";
import { empty, loaded, raise } from "./notices.js";
import { orders, summed } from "./orders.js";
import { link } from "./router.js";
import { spark } from "./spark.js";

const NAMELESS = "No category";
const MEASURES = [
  ["turnover", "Turnover", (value) => `${units(value)} ×`, "Times a year that the stock is sold"],
  ["holding_cost", "Holding cost", money, "Money, for keeping the stock over this time"],
  ["service_level", "Service level", share, "Share of days on sale with something to sell"],
  ["stockout_days", "Stockout days", units, "Item-days on sale with an empty shelf"],
  ["lost_money", "Lost sales", money, "Money, at the price and pace of the other days"],
];

export const title = () => "Categories";

export function show(host) {
  const body = h("div");
  put(
    host,
    h(
      "div", { class: "heading" },
      h("div", {}, h("p", { class: "over" }, "The whole business"), h("h1", {}, "Categories")),
    ),
    body,
  );
  loaded(body, asked, draw, 8).catch(raise);
}

async function asked() {
  const [forecasts, kpis, whole, today] = await Promise.all([
    read(ofTenant("/forecasts"), { by: "category" }),
    get(ofTenant("/kpis?by=category")).catch(lenient),
    get(ofTenant("/kpis?by=total")).catch(lenient),
    orders().catch(lenient),
  ]);
  return { forecasts, kpis, whole, today };
}

/** A part that can't be had leaves its columns empty; a key that ended ends the page. */
function lenient(error) {
  if (error.kind === "key") throw error;
  return null;
}

function draw({ forecasts, kpis, whole, today }) {
  if (!forecasts.forecasts.length) return empty(
    "No categories yet",
    "Products have no category in this business’s data. Give a products table with a category column.",
  );
  const measured = new Map(rowsOf(kpis).map((row) => [row.group ?? "", row]));
  const placed = new Map();
  for (const row of today?.orders ?? []) placed.set(
    row.category ?? "", [...(placed.get(row.category ?? "") ?? []), row],
  );
  const per = period(forecasts.frequency);
  const sum = (one) => one.mean.reduce((all, value) => all + value, 0);
  const all = [...forecasts.forecasts].sort((a, b) => sum(b) - sum(a));
  const most = sum(all[0]) || 1;
  const horizon = `${count(forecasts.dates.length, per)} to ${date(forecasts.dates.at(-1))}`;
  const rows = all.map((one) => {
    const name = one.group ?? "";
    const figures = measured.get(name) ?? {};
    const sums = summed(placed.get(name) ?? []);
    return h("tr", {},
      h(
        "th", { scope: "row" },
        h("a", { class: "name", href: link("today", [], { category: name }) }, name || NAMELESS),
        h("span", { class: "sub" }, count(one.series ?? sums.items, "item")),
      ),
      h("td", { class: "spark-cell" }, spark(one, forecasts.levels)),
      h("td", { class: "num" }, h("b", {}, short(sum(one))), shareBar(sum(one) / most)),
      MEASURES.map(([key, , write]) => h("td", { class: "num" }, known(figures[key]) ? write(figures[key]) : "–")),
      h("td", { class: "num" }, h("b", {}, money(sums.risk))));
  });
  const heads = [
    ["Category"], ["Forecast"], ["Units", `Expected in ${horizon}`],
    ...MEASURES.map(([, name, , help]) => [name, help]), ["At risk", "Money at risk today"],
  ];
  return [
    headline(rowsOf(whole)[0], whole),
    h("section", { class: "panel wide", "aria-label": "By category" },
      h(
        "div", { class: "panel-top" }, h("h2", {}, "Forecast and stock by category"),
        h("p", { class: "note" }, `Next ${horizon}, units`),
      ),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Categories, scrolls sideways" },
        h(
          "table", { class: "table" },
          h(
            "thead", {},
            h(
              "tr", {},
              heads.map(([name, help], index) => h(
                "th", { scope: "col", class: index > 1 ? "num" : "", title: help }, name,
              )),
            ),
          ),
          h("tbody", {}, rows),
        ))),
  ];
}

function shareBar(part) {
  const bar = h("span", { class: "share-bar", "aria-hidden": "true" }, h("span"));
  bar.firstChild.style.width = `${Math.max(2, part * 100)}%`;
  return bar;
}

function headline(figures, whole) {
  if (!figures) return null;
  const shown = MEASURES.filter(([key]) => known(figures[key]));
  if (!shown.length) return h(
    "p", { class: "note" }, "Stock is not known, so turnover, holding cost and service level can’t be told.",
  );
  return [
    h("p", { class: "note stretch" }, `${date(whole.first)} to ${date(whole.last)}, ${count(whole.days, "day")}`),
    h(
      "dl", { class: "tiles" },
      shown.map(([key, name, write, help]) => h(
        "div", { class: "tile" }, h("dt", {}, name), h("dd", {}, write(figures[key])), h("p", {}, help),
      )),
    ),
  ];
}

function rowsOf(answer) {
  return answer?.kpis ?? [];
}

