// One SKU in one store: its chart, its order with the reason, and what would be if.

import { accuracy, marked, offSaid } from "./accuracy.js";
import { get, Latest, ofTenant, read } from "./api.js";
import { Chart } from "./chart.js";
import { h, icon, put, say } from "./dom.js";
import { count, cover, known, longDate, money, period, price, share, units } from "./format.js";
import { empty, loaded, raise, trouble } from "./notices.js";
import { plain } from "./orders.js";
import { project } from "./projection.js";
import { go, link, route } from "./router.js";
import { WhatIf } from "./whatif.js";
import { badge, beside } from "./worklist.js";

const KEPT = 180; // periods of history
const SPANS = [[30, "30"], [90, "90"], [180, "180"]];

export const title = (route) => route.parts[1] ?? "SKU";

export function show(host, route) {
  const [store, sku] = route.parts;
  const page = { leave: () => {} };
  const body = h("div");
  put(host, top(store, sku), body);
  const keys = (event) => {
    if (event.key === "Escape") leaveTo();
  };
  if (!store || !sku) {
    put(body, empty("Which SKU?", "Open one from today’s list."));
    return { keys };
  }
  const series = [{ store, sku }];
  const asked = Promise.all([
    read(ofTenant("/orders"), { series }),
    read(ofTenant("/forecasts"), { series }),
    get(ofTenant(`/history?${new URLSearchParams({ store, sku, periods: KEPT })}`)),
  ]);
  loaded(
    body, () => asked, ([orders, forecasts, history]) => draw({ series, orders, forecasts, history }, page, host), 8,
  ).catch(raise);
  return { leave: () => page.leave(), keys };
}

function leaveTo() {
  if (route.steps > 1) history.back();
  else go("today");
}

function top(store, sku) {
  const [before, after, own] = beside(store, sku);
  return h("div", { class: "heading" }, h("div", {},
    h(
      "p", { class: "over" },
      h(
        "a", { class: "back", href: "#/today", onclick: (event) => { event.preventDefault(); leaveTo(); } },
        icon("back"), "Today",
      ),
      " · ", store ?? "",
    ),
    h("h1", { class: "sku-name" }, sku ?? ""), own?.name ? h("p", { class: "lead" }, own.name) : null),
  own ? h(
    "div", { class: "walk" }, step(before, "back", "The item before, in the list"),
    step(after, "next", "The next item of the list"),
  ) : null);
}

/** To another item of the list, without a step more to go back. */
function step(row, kind, text) {
  return h(
    "button",
    {
      class: "button", disabled: !row, "aria-label": text, title: text,
      onclick: () => location.replace(link("sku", [row.store, row.sku])),
    },
    icon(kind),
  );
}

function draw({ series, orders, forecasts, history }, page, host) {
  const order = orders.orders[0] && plain(orders.orders[0]);
  const forecast = forecasts.forecasts[0];
  if (!order || !forecast) return empty("Nothing is known of it", "It has no history to forecast from yet.");
  const facts = { history, forecasts, per: period(forecasts.frequency), span: Math.min(90, KEPT) };
  const chart = new Chart(`Demand and stock of ${order.sku} in ${order.store}`);
  const decided = h("section", { class: "decision", "aria-label": "The order" });
  const table = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The chart as a table" });
  const fold = h(
    "details", { class: "fold", ontoggle: () => fold.open && put(table, tabled(facts, order)) },
    h("summary", {}, "The chart as a table"), table,
  );
  let now = { order, forecasts };

  function plot() {
    chart.set(chartOf(facts, now, now.forecasts === forecasts ? null : forecast));
    if (fold.open) put(table, tabled({ ...facts, forecasts: now.forecasts }, now.order));
  }

  const spans = h("div", {
    class: "segments", role: "group", "aria-label": `History shown, in ${facts.per}s`,
  }, SPANS.map(([many, text]) =>
    h("button", { "aria-pressed": String(many === facts.span), onclick: (event) => {
      facts.span = many;
      for (const each of spans.children) each.setAttribute("aria-pressed", String(each === event.target));
      plot();
    } }, `${text} ${facts.per}s`)));
  const latest = new Latest();
  const told = h("div", { "aria-live": "polite" });
  const whatIf = new WhatIf(order, facts.per, ask);

  async function ask(wish) {
    put(told);
    if (!wish) {
      latest.stop();
      now = { order, forecasts };
      whatIf.answered(order);
      plot();
      return;
    }
    const plan = wish.what_if ? { what_if: wish.what_if } : {};
    try {
      const answer = await latest.ask((signal) => Promise.all([
        read(ofTenant("/orders"), { series, ...(wish.terms ? { defaults: wish.terms } : {}), ...plan }, { signal }),
        wish.what_if ? read(ofTenant("/forecasts"), { series, ...plan }, { signal }) : forecasts,
      ]));
      if (!answer) return;
      now = { order: plain(answer[0].orders[0]), forecasts: answer[1] };
      whatIf.answered(now.order);
      plot();
      say(`Order ${units(now.order.order)} units instead of ${units(order.order)}`);
    } catch (error) {
      if (error.kind === "key") return raise(error);
      if (error.kind === "refused" && whatIf.refused(error)) return;
      whatIf.failed();
      put(told, trouble(error, () => ask(wish)));
    }
  }

  page.leave = () => {
    chart.leave();
    latest.stop();
  };
  put(decided, decision(order, orders, facts.per));
  plot();
  accuracy().then((found) => {
    if (found && decided.isConnected && marked([order], found.off)) put(decided, decision(order, orders, facts.per));
  }).catch(raise);
  return [decided,
    h("div", { class: "sku-grid" },
      h("section", { class: "panel sku-chart", "aria-label": "Chart" },
        h("div", { class: "panel-top" }, h("h2", {}, "Demand and stock"), spans), chart.element,
        known(order.on_hand) ? null : h(
          "p", { class: "note" },
          "No stock is known of this item, so only demand is drawn. Send counts of stock to see when it runs out.",
        ),
        known(order.on_hand) ? h(
          "p", { class: "note" },
          "Stock ahead is its expected course until the next order. ",
          `This order${order.on_order > 0 ? ", and what is on its way," : ""} counts from the lead time’s end on.`,
        ) : null, fold),
      h("section", { class: "panel what-if", "aria-label": "What if" }, whatIf.element, told),
      h(
        "section", { class: "panel sku-figures", "aria-label": "Figures" }, h("h2", {}, "Figures"),
        figures(order, facts.per), assumed(orders.notes),
      ))];
}

function decision(order, answer, per) {
  const placed = order.order > 0;
  return [
    h("div", { class: "decision-order" },
      h("span", { class: "over" }, "Order now"), h(
        "strong", { class: placed ? "huge" : "huge none" }, units(order.order),
      ),
      h("span", { class: "sub" }, "units", placed && known(order.order_value) ? ` · ${money(order.order_value)}` : "")),
    h("div", { class: "decision-why" },
      order.exceptions?.length ? h("p", { class: "badges" }, order.exceptions.map((name) => badge(name, order))) : null,
      h("p", { class: "reason" }, order.reason ?? ""),
      order.off ? h("p", { class: "note" }, offSaid(order.off)) : null,
      h(
        "p", { class: "note" },
        [
          order.category, `known until ${longDate(answer.as_of)}`,
          `model ${answer.model?.reference ?? "unknown"}${answer.model?.base ? " (shared base)" : ""}`,
        ].filter(Boolean).join(" · "),
      )),
    h("dl", { class: "decision-facts" },
      fact("On hand", units(order.on_hand), "units"), fact("Cover", cover(order.cover, per), "of demand"),
      fact(
        "Stockout risk", share(order.stockout_risk),
        placed && known(order.stockout_risk_after) ? `${share(order.stockout_risk_after)} after` : "",
      ),
      fact("At risk", money(order.money_at_risk), "in your money"))];
}

function fact(name, value, note) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, h("b", {}, value), h("span", {}, note)));
}

function figures(order, per) {
  const rows = [
    ["Order up to", units(order.order_up_to), "units"], ["Reorder point", units(order.reorder_point), "units"],
    ["Safety stock", units(order.safety_stock), "units"], ["Economic order quantity", units(order.eoq), "units"],
    ["On order", units(order.on_order), "units"], [
      "Mean demand", units(order.mean_demand), "units until the next order arrives",
    ],
    [
      "Demand", known(order.per_period) ? units(order.per_period) : "–", `units a ${per}`,
    ], ["Lead time", cover(order.lead_time, per), "until an order arrives"],
    ["Review", cover(order.review, per), "between two orders"], [
      "Service level", share(order.service_level), "chance of no stockout",
    ],
    [
      "Expected cost", money(order.expected_cost), "holding and lacking",
    ], ["Unit cost", price(order.unit_cost), "in your money"], ["Price", price(order.price), "in your money"],
  ];
  return h(
    "dl", { class: "figures" }, rows.map(([name, value, unit]) => fact(
      name, value, value === "–" ? "not known" : unit,
    )),
  );
}

function assumed(notes) {
  return notes?.length ? h(
    "details", { class: "fold" }, h("summary", {}, "What was assumed"),
    h("ul", {}, notes.map((note) => h("li", {}, note))),
  ) : null;
}

function chartOf(facts, { order, forecasts }, before) {
  const { history } = facts;
  const from = Math.max(0, history.dates.length - facts.span);
  const pick = (name, index) => history[name]?.[index] ?? null;
  const past = history.dates.slice(from).map((each, index) => ({
    date: each, demand: pick("demand", from + index), censored: Boolean(pick(
      "censored", from + index,
    )), promotion: Boolean(pick("promotion", from + index)), on_hand: pick("on_hand", from + index),
  }));
  const { mean, quantiles } = forecasts.forecasts[0];
  const planned = project(order, mean);
  const ahead = forecasts.dates.map((each, index) => ({
    date: each, mean: mean[index], quantiles: quantiles[index], ghost: before?.mean[index] ?? null,
    plan: planned.plan[index], bare: planned.bare[index],
  }));
  const now = past.length - 1;
  if (past[now]) Object.assign(past[now], { plan: order.on_hand, bare: order.on_hand });
  return {
    points: [...past, ...ahead], now: Math.max(0, now), levels: forecasts.levels, unit: `Demand, units a ${facts.per}`,
    lines: { reorder_point: order.reorder_point, order_up_to: order.order_up_to },
  };
}

function tabled(facts, order) {
  const { points } = chartOf(facts, { order, forecasts: facts.forecasts }, null);
  const row = (one) => h(
    "tr", {}, h("th", { scope: "row" }, longDate(one.date)),
    [
      one.demand, one.mean, one.quantiles?.[0], one.quantiles?.at(-1), one.on_hand, one.plan,
    ].map((value) => h("td", { class: "num" }, units(value))),
  );
  return h("table", {}, h("caption", {}, `${count(points.length, facts.per)}, the latest first; units`),
    h(
      "thead", {},
      h(
        "tr", {},
        ["Date", "Sold", "Expected", "Low", "High", "Stock", "With order"].map((name, index) => h(
          "th", { scope: "col", class: index ? "num" : "" }, name,
        )),
      ),
    ),
    h("tbody", {}, points.toReversed().map(row)));
}
