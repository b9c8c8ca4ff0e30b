// What an owner would want to be told: where the money sits, what to move, who is late. The most money first.

import { get, ofTenant } from "./api.js";
import { h, put } from "./dom.js";
import { count, figure, known, longDate, money, share, units, words } from "./format.js";
import { empty, loaded, raise } from "./notices.js";
import { link } from "./router.js";

const SHOWN = 3; // rows of an insight, until more are wanted
const SHARES = /share|rate$|_risk|probability/;
const WORTH = /worth|value|cost|saves|at_stake|price|money|amount|sales|margin|capital/;

export const title = () => "Insights";

export function show(host) {
  const body = h("div");
  put(
    host,
    h(
      "div", { class: "heading" },
      h("div", {}, h("p", { class: "over" }, "Where the money sits"), h("h1", {}, "Insights")),
    ),
    body,
  );
  loaded(body, () => get(ofTenant("/insights")), draw, 7).catch(raise);
}

function draw(answer) {
  const all = answer.insights;
  const told = all.filter((one) => one.sentence);
  const lacking = all.filter((one) => !one.sentence);
  if (!told.length) return [
    empty(
      "Nothing to tell yet",
      "With sales of some months, and counts of stock, this page says where money is lost and found.",
    ),
    missing(lacking),
  ];
  const act = told.filter((one) => one.act !== false && (one.severity ?? "none") !== "none");
  const know = told.filter((one) => !act.includes(one));
  const sum = (per) => act.filter((one) => one.money.per === per).reduce(
    (all, one) => all + (one.money.amount ?? 0), 0,
  );
  const stakes = [[sum("once"), "once"], [sum("year"), "a year"]].filter(([amount]) => amount > 0);
  return [
    h("p", { class: "lead" }, act.length ? [
      h("strong", {}, count(act.length, "thing")), act.length === 1 ? " is worth doing" : " are worth doing",
      stakes.map(([amount, per], index) => [
        index ? " and " : ": together ", h("strong", {}, money(amount)), ` ${per}`,
      ]),
      ".",
    ] : "Nothing needs doing.",
      answer.as_of ? ` Known until ${longDate(answer.as_of)}.` : ""),
    act.length ? h("div", { class: "insights" }, act.map(card)) : null,
    know.length ? [
      h("h2", { class: "section-title" }, "Good to know"), h("div", { class: "insights" }, know.map(card)),
    ] : null,
    missing(lacking),
  ];
}

function card(one) {
  const amount = one.money?.amount;
  const severity = one.severity ?? "none";
  return h("article", { class: `insight ${severity}` },
    h("header", {},
      h(
        "div", {},
        severity === "none" ? null : h(
          "span", { class: `severity ${severity}` },
          { high: "A lot of money", medium: "Worth a look", low: "Little" }[severity] ?? severity,
        ),
        h("h3", {}, one.title ?? words(one.name)),
      ),
      known(amount) && amount > 0 ? h(
        "p", { class: "insight-money" }, h("b", {}, money(amount)),
        h("span", {}, one.money.per === "year" ? "a year" : "once"),
      ) : null),
    h("p", { class: "reason" }, one.sentence),
    known(amount) && amount > 0 && one.money.counted ? h(
      "p", { class: "note" }, `Counted as: ${one.money.counted}.`,
    ) : null,
    one.rows?.length ? table(one) : null,
    one.thresholds?.length ? h(
      "details", { class: "fold" }, h("summary", {}, "How it was found"),
      h(
        "ul", {}, one.thresholds.map((text) => h("li", {}, text)), (one.lacking ?? []).map((text) => h("li", {}, text)),
      ),
    ) : null);
}

function table(one) {
  const names = Object.keys(one.rows[0]).filter((name) => one.rows.some(
    (row) => row[name] !== null && row[name] !== undefined,
  ));
  const numeric = new Set(names.filter(
    (name) => one.rows.every((row) => row[name] === null || typeof row[name] === "number"),
  ));
  const body = h("tbody");
  const fill = (most) => put(
    body,
    one.rows.slice(0, most).map((row) => h(
      "tr", {}, names.map((name) => h("td", { class: numeric.has(name) ? "num" : "" }, cell(name, row))),
    )),
  );
  fill(SHOWN);
  const all = one.rows_in_all ?? one.rows.length;
  const more = one.rows.length > SHOWN ? h(
    "button", { class: "button", onclick: () => { fill(one.rows.length); more.remove(); } },
    `Show ${count(one.rows.length, "row")}`,
  ) : null;
  return h("div", { class: "insight-rows" },
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${one.title}, scrolls sideways` },
      h(
        "table", { class: "table small" },
        h(
          "thead", {},
          h(
            "tr", {}, names.map((name) => h(
              "th", { scope: "col", class: numeric.has(name) ? "num" : "" }, words(name),
            )),
          ),
        ),
        body,
      )), more, all > one.rows.length ? h(
        "p", { class: "note" }, `The first ${one.rows.length} of ${count(all, "row")}.`,
      ) : null);
}

function cell(name, row) {
  const value = row[name];
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object") return JSON.stringify(value);
  if (typeof value === "string") return name === "sku" && row.store ? h(
    "a", { href: link("sku", [row.store, value]) }, value,
  ) : value;
  if (SHARES.test(name) && Math.abs(value) <= 1) return share(value);
  return WORTH.test(name) ? money(value) : Number.isInteger(value) ? units(value) : figure(value);
}

function missing(lacking) {
  if (!lacking.length) return null;
  return h("details", { class: "fold panel" }, h("summary", {}, `${count(lacking.length, "insight")} could not be had`),
    h(
      "ul", {},
      lacking.map((one) => h(
        "li", {}, h("b", {}, one.title ?? words(one.name)), `: ${(one.lacking ?? []).join("; ") || "not enough data"}`,
      )),
    ));
}
