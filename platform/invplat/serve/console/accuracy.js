// How right the forecasts have been: what the last look found, error and coverage by week, and the items far off.

import { get, ofTenant } from "./api.js";
import { h, icon, svg } from "./dom.js";
import { count, date, dateOfYear, exactShare, known, share, units } from "./format.js";
import { link } from "./router.js";
import { largest, line, marks } from "./scale.js";
import { session } from "./session.js";

const FRESH = 10 * 60 * 1000; // milliseconds that an answer counts as today's
const WEEKS = 26; // that are drawn
const SHOWN = 3; // findings on the first page; the others are a click away
const GRAVE = ["high", "medium"];
const SEVERITIES = { high: "Act on it", medium: "Worth a look", low: "Good to know" };
let kept = null;

/** Asked once and kept for a while. Nice to have: pages go without, and nothing is shown in its place. */
export async function accuracy() {
  if (!kept || kept.tenant !== session.tenant || Date.now() - kept.at > FRESH) {
    kept = { tenant: session.tenant, at: Date.now(), answer: get(ofTenant("/accuracy")) };
  }
  const mine = kept;
  try {
    return await mine.answer;
  } catch (error) {
    if (kept === mine) kept = null;
    if (error.kind === "key") throw error;
    return null;
  }
}

export function forgetAccuracy() {
  kept = null;
}

/** Marks those of the orders whose forecasts were far off; whether there are any. */
export function marked(rows, off) {
  const far = new Map(off.map((one) => [`${one.store}\n${one.sku}`, one]));
  let found = false;
  for (const row of rows) {
    row.off = far.get(`${row.store}\n${row.sku}`) ?? null;
    if (!row.off || row.exceptions.includes("forecast_off")) continue;
    row.exceptions.push("forecast_off");
    found = true;
  }
  return found;
}

/** "Sold 120 in 28 periods, where 60 were expected." */
export function offSaid({ sold, expected, periods, outside }) {
  return `Of late ${units(sold)} were sold in ${count(periods, "period")} where ${units(expected)} were expected, and ` +
    `${units(outside)} of them lay outside the forecast.`;
}

/** On the first page: the graver findings, or nothing at all. */
export function alerts(answer) {
  const grave = (answer?.findings ?? []).filter((one) => GRAVE.includes(one.severity));
  if (!grave.length) return null;
  const more = answer.findings.length - Math.min(grave.length, SHOWN);
  return h("section", { class: "alerts", "aria-label": "Findings" },
    h("ul", {}, grave.slice(0, SHOWN).map(finding)),
    h("p", { class: "note" }, more ? `${count(more, "more finding")}, and how good the forecasts were: ` : "",
      h("a", { href: link("model") }, more ? "see them all" : "How good the forecasts were"), "."));
}

function finding(one) {
  return h("li", { class: `finding ${one.severity}` },
    icon(GRAVE.includes(one.severity) ? "stockout" : "insights"),
    h("div", {},
      h("p", { class: "finding-top" },
        h("span", { class: `severity ${one.severity}` }, SEVERITIES[one.severity] ?? one.severity),
        one.subject ? h("b", {}, one.subject) : null,
        h("span", { class: "sub" }, `since ${dateOfYear(one.since)}`)),
      h("p", {}, one.sentence),
      one.remedy ? h("p", { class: "sub" }, `What to do: ${one.remedy}.`) : null));
}

/** For the model's page: figures of the last weeks, the weeks drawn, all findings, the items far off. */
export function goodness(answer) {
  if (!answer) return null;
  const { accuracy: now, weeks, findings, off, off_in_all: all, looked } = answer;
  const drawn = weeks.filter((one) => known(one.wape)).slice(-WEEKS);
  return h("section", { class: "panel goodness", "aria-label": "How good it has been" },
    h("div", { class: "panel-top" }, h("h2", {}, "How good it has been"),
      looked ? h("span", { class: "sub" }, `last look ${dateOfYear(looked)}`) : null),
    drawn.length ? [figures(now), chart(drawn)] : h(
      "p", { class: "note" },
      looked ? "None of its forecasts has come due in the data yet." : "Nobody has looked yet: invplat monitor holds " +
        "forecasts against what came, week by week.",
    ),
    findings.length ? h("ul", { class: "findings" }, findings.map(finding)) : looked ? h(
      "p", { class: "quiet" }, icon("done"), "Nothing to report.",
    ) : null,
    off.length ? h(
      "p", {}, h("a", { href: link("today", [], { exception: "forecast_off" }) }, count(all, "item")),
      all === 1 ? " was" : " were", " far off of late; the farthest is ",
      h("a", { href: link("sku", [off[0].store, off[0].sku]) }, off[0].sku), ` in ${off[0].store}.`,
    ) : null);
}

function figures(now) {
  const fact = (name, value, note) => (value === null ? null : h(
    "div", {}, h("dt", {}, name), h("dd", {}, h("b", {}, value), h("span", {}, note)),
  ));
  const some = (value, write = exactShare) => (known(value) ? write(value) : null);
  const way = known(now.bias) ? (now.bias > 0 ? "more than was sold" : "less than was sold") : "";
  return h("dl", { class: "figures" },
    fact("Forecast error", some(now.wape), "of what was sold, last four weeks"),
    fact("Seasonal naive", some(now.naive_wape), "repeating the last season"),
    fact("Bias", some(now.bias, (value) => exactShare(Math.abs(value))), way),
    fact("Coverage", some(now.coverage), known(now.promised) ? `${share(now.promised)} is promised` : ""));
}

/** Error by week beside the seasonal naive's; below, the share that the interval held. */
function chart(weeks) {
  const [width, left, right] = [innerWidth < 700 ? 360 : 560, 48, 14]; // letters stay as large as they are
  const upper = { top: 16, height: 120 };
  const lower = weeks.some((one) => known(one.coverage)) ? { top: 178, height: 44 } : null;
  const tall = (lower ? lower.top + lower.height : upper.top + upper.height) + 24;
  const ticks = marks(largest(weeks.map((one) => one.wape), weeks.map((one) => one.naive_wape)), 3);
  const x = (index) => left + (index * (width - left - right)) / Math.max(1, weeks.length - 1);
  const y = (value) => upper.top + upper.height * (1 - value / ticks.at(-1));
  const held = (value) => lower.top + lower.height * (1 - value);
  const at = (place, name) => weeks.map((one, index) => [x(index), known(one[name]) ? place(one[name]) : null]);
  const every = Math.max(1, Math.ceil(weeks.length / (width < 400 ? 4 : 5)));
  const last = weeks.at(-1);
  const promised = weeks.findLast((one) => known(one.promised))?.promised;
  const rule = (value, place, text) => [
    svg("line", { class: value ? "rule" : "rule base", x1: left, x2: width - right, y1: place(value), y2: place(value) }),
    svg("text", { class: "axis", x: left - 7, y: place(value) + 4, "text-anchor": "end" }, text),
  ];
  return h("figure", { class: "weeks" },
    h("ul", { class: "legend" }, key("mean", "Error of the forecasts"), key("ghost", "Seasonal naive"),
      lower ? key("stock", "Held by the interval") : null),
    svg("svg", {
      viewBox: `0 0 ${width} ${tall}`, role: "img",
      "aria-label": `Forecast error by week, ${count(weeks.length, "week")}: the last ${exactShare(last.wape)}, the ` +
        `seasonal naive ${exactShare(last.naive_wape)}, held by the interval ${exactShare(last.coverage)}`,
    },
      ticks.map((value) => rule(value, y, share(value))),
      svg("path", { class: "line ghost", d: line(at(y, "naive_wape")) }),
      svg("path", { class: "line mean", d: line(at(y, "wape")) }),
      weeks.length === 1 ? svg("circle", { class: "dot mean", cx: x(0), cy: y(last.wape), r: 4 }) : null,
      lower ? [
        rule(0, held, "0 %"), rule(1, held, "100 %"),
        known(promised) ? svg("line", {
          class: "level order_up_to", "stroke-dasharray": "4 3", x1: left, x2: width - right,
          y1: held(promised), y2: held(promised),
        }) : null,
        svg("path", { class: "line stock", d: line(at(held, "coverage")) }),
      ] : null,
      weeks.map((one, index) => (index % every ? null : svg(
        "text", { class: "axis", x: Math.min(Math.max(x(index), left), width - 24), y: tall - 5, "text-anchor": "middle" },
        date(one.week),
      )))));
}

function key(kind, text) {
  return h("li", {}, svg(
    "svg", { width: 18, height: 10, "aria-hidden": "true" }, svg("path", { class: `line ${kind}`, d: "M0 5H18" }),
  ), text);
}
