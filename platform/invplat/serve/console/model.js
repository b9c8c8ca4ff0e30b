// Which model answers, how good it is, why it was taken, and what it was made of.

import { accuracy, goodness } from "./accuracy.js";
import { get, ofTenant } from "./api.js";
import { h, put, svg } from "./dom.js";
import { date, dateOfYear, exactShare, figure, known, moment, short, words } from "./format.js";
import { panel, sentence } from "./finetune.js";
import { loaded, raise } from "./notices.js";
import { largest, line, marks } from "./scale.js";

const RIVALS = {
  candidate: "New model", champion: "Champion before", base: "Shared base", seasonal_naive: "Seasonal naive",
};
const MEASURES = [
  ["wape", "Forecast error", exactShare, "WAPE on held-out weeks; less is better"],
  ["cost", "Cost of its orders", short, "simulated on held-out weeks; less is better"],
];
const BASE = "No model of your own yet: the base that learnt from all businesses answers. A fine-tune makes one, and " +
  "it serves only if it is better.";
const METRICS = {
  wape: "Error (WAPE)", rmse: "RMSE", mae: "MAE", mse: "MSE", r2: "R²", pinball: "Pinball loss", coverage: "Coverage",
};

export const title = () => "Model";

export function show(host) {
  const [body, side] = [h("div"), h("div")];
  const tune = panel(() => draws());
  put(
    host,
    h(
      "div", { class: "heading" }, h(
        "div", {}, h("p", { class: "over" }, "What answers for you"), h("h1", {}, "Model"),
      ),
    ),
    h("div", { class: "model-page" }, body, h("div", { class: "model-side" }, tune.element, side)),
  );
  const asked = () => Promise.all([
    get(ofTenant("/model")),
    get(ofTenant("/jobs")).catch((error) => { if (error.kind === "key") throw error; return { jobs: [] }; }),
  ]);
  const draws = (bones = 7) => loaded(body, asked, ([model, jobs]) => draw(model, jobs.jobs, side), bones).catch(raise);
  draws();
  return { leave: tune.leave };
}

function draw(model, jobs, side) {
  const good = h("div", { class: "slot" }); // the page does not wait for it
  accuracy().then((found) => put(good, goodness(found))).catch(raise);
  const { verdict, versions } = model;
  const own = !model.base;
  put(side, jobs.length ? h(
    "section", { class: "panel", "aria-label": "Fine-tunes" }, h("h2", {}, "Fine-tunes so far"),
    h("ol", { class: "jobs" }, jobs.slice(0, 6).map(job)),
  ) : null,
    h("section", { class: "panel", "aria-label": "Lineage" }, h("h2", {}, "What it was made of"), made(model)));
  return [
    h("section", { class: "panel model-card", "aria-label": "The model that serves" },
      h(
        "div", { class: "panel-top" }, h("h2", { class: "model-name" }, model.reference ?? "unknown"),
        h("span", { class: `badge ${own ? "own" : "shared"}` }, own ? "Your own" : "Shared base"),
      ),
      h(
        "p", { class: "reason" },
        own ? `Learnt from all businesses together, then adapted to yours${model.way ? ` (${model.way})` : ""}.` : BASE,
      ),
      scores(model.metrics)),
    good, tried(model),
    h("section", { class: "panel", "aria-label": "Why this model" }, h("h2", {}, "Why this one"),
      verdict ? [h("p", { class: "reason" }, capital(verdict.reason)), bars(verdict)] : h(
        "p", { class: "note" }, "No judgement yet: it takes a fine-tune to compare models on your own held-out weeks.",
      )),
    history(versions),
  ];
}

/** The model that is asked beside it, and how the two came out on the same live questions. */
function tried({ reference, challenger }) {
  if (!challenger) return null;
  const rows = [[reference, challenger.champion], [challenger.reference, challenger.challenger]];
  return h("section", { class: "panel", "aria-label": "Challenger" },
    h("div", { class: "panel-top" }, h("h2", {}, `${challenger.reference} is tried beside it`),
      h("span", { class: "sub" }, `since ${dateOfYear(challenger.since)}`)),
    h("p", { class: "reason" }, challenger.trouble ? `It is not asked: ${challenger.trouble}.` : challenger.sentence),
    challenger.champion ? h("div", {
      class: "scroll", tabindex: 0, role: "region", "aria-label": "Both on the same questions, scrolls sideways",
    }, h("table", { class: "table small" },
      h("thead", {}, h("tr", {}, ["Model", "Error (WAPE)", "Bias", "Coverage"].map((text, index) => h(
        "th", { scope: "col", class: index ? "num" : "" }, text,
      )))),
      h("tbody", {}, rows.map(([name, side]) => h("tr", {}, h("th", { scope: "row" }, name),
        [side.wape, side.bias, side.coverage].map((value) => h("td", { class: "num" }, exactShare(value)))))))) : null);
}

function capital(text) {
  const said = String(text ?? "");
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}${/[.!?]$/.test(said) ? "" : "."}`;
}

/** Plain figures only; what lies nested is for programs. */
function scores(metrics) {
  const flat = Object.entries(metrics).filter(([, value]) => known(value));
  const deeper = Object.values(metrics).filter((value) => value && typeof value === "object");
  const nested = deeper.flatMap((value) => Object.entries(value).filter(([, each]) => known(each)));
  const found = [...new Map([...nested, ...flat]).entries()].slice(0, 6);
  if (!found.length) return null;
  const write = (name, value) => (/wape|mape|coverage|bias|share/i.test(name) ? exactShare(value) : figure(value));
  return h(
    "dl", { class: "figures" },
    found.map(([name, value]) => h(
      "div", {}, h("dt", {}, METRICS[name] ?? words(name)), h("dd", {}, h("b", {}, write(name, value))),
    )),
  );
}

function bars(verdict) {
  const figures = verdict.figures ?? {};
  const serves = verdict.decision;
  const names = [
    ...Object.keys(RIVALS).filter((name) => name in figures),
    ...Object.keys(figures).filter((name) => !(name in RIVALS)),
  ];
  const groups = MEASURES.map(([key, title, write, note]) => {
    const all = names.map((name) => [name, figures[name]?.[key]]);
    const most = Math.max(...all.map(([, value]) => (known(value) ? value : 0)));
    if (!(most > 0)) return null;
    return h("div", { class: "bars" }, h("h3", {}, title, h("span", {}, note)), h("ul", {}, all.map(([name, value]) => {
      const bar = h("span", { class: "bar-fill" });
      bar.style.width = `${known(value) ? Math.max(0.5, (value / most) * 100) : 0}%`;
      return h("li", { class: name === serves ? "serves" : "" }, h(
        "span", { class: "bar-name" }, RIVALS[name] ?? words(name), name === serves ? h("em", {}, "serves") : null,
      ),
        h(
          "span", { class: "bar-track", "aria-hidden": "true" }, bar,
        ), h("b", { class: "num" }, known(value) ? write(value) : "–"));
    })));
  });
  return h("div", { class: "verdict" }, groups);
}

function history(versions) {
  if (!versions.length) return null;
  return h("section", { class: "panel", "aria-label": "Versions" }, h(
    "h2", {}, "Versions, and how good they were",
  ), trend(versions),
    h("div", {
      class: "scroll", tabindex: 0, role: "region", "aria-label": "Versions, scrolls sideways",
    }, h("table", { class: "table small" },
      h(
        "thead", {},
        h(
          "tr", {}, h("th", { scope: "col" }, "Version"), h("th", { scope: "col" }, "Made"),
          h("th", { scope: "col", class: "num" }, "Error (WAPE)"), h("th", { scope: "col" }, "Gate"),
        ),
      ),
      h("tbody", {}, versions.map((one) => h("tr", {},
        h("th", { scope: "row" }, one.reference, one.champion ? h("span", { class: "badge own" }, "serves") : null),
        h("td", { class: "day" }, dateOfYear(one.made)), h("td", { class: "num" }, exactShare(one.error)),
        h("td", { class: "gate" }, one.reason ? capital(one.reason) : "–")))))));
}

/** Error of each version when it was judged, the oldest first. */
function trend(versions) {
  const judged = versions.filter((one) => known(one.error)).toReversed();
  if (judged.length < 2) return null;
  const [width, height] = [440, 120];
  const most = marks(largest(judged.map((one) => one.error)), 3).at(-1);
  const x = (index) => 30 + (index * (width - 60)) / (judged.length - 1);
  const y = (value) => 22 + (height - 46) * (1 - value / most);
  const every = Math.ceil(judged.length / 7);
  return h("div", { class: "trend" }, svg("svg", {
    viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": "Forecast error of each version, the oldest first; the table below has the figures",
  },
    svg("line", { class: "rule base", x1: 0, x2: width, y1: y(0), y2: y(0) }),
    svg("path", { class: "line mean", d: line(judged.map((one, index) => [x(index), y(one.error)])) }),
    judged.map((one, index) => [svg(
      "circle",
      { class: `dot${one.champion ? " mean" : ""}`, cx: x(index), cy: y(one.error), r: one.champion ? 6 : 4.5 },
    ),
      index % every && index < judged.length - 1 ? [] : [svg(
        "text", { class: "axis strong-axis", x: x(index), y: y(one.error) - 11, "text-anchor": "middle" },
        exactShare(one.error),
      ),
        svg("text", { class: "axis", x: x(index), y: height - 6, "text-anchor": "middle" }, date(one.made))]])));
}

function made({ workload, way, made: at, size, lineage }) {
  const data = lineage.data.map((one) => [
    one.own ? "your data" : "other data", one.version ? `, version ${one.version}` : "",
    one.digest ? ` (${one.digest.slice(0, 10)})` : "",
  ].join(""));
  const learnt = data.slice(0, 4).join("; ") + (data.length > 4 ? ` and ${data.length - 4} more` : "");
  const rows = {
    Kind: workload, Way: way, "Began as": lineage.donor, "Learnt from": learnt, Made: moment(at),
    Size: known(size) ? `${short(size)} bytes` : null, Code: lineage.code,
    ...Object.fromEntries(Object.entries(lineage.more).filter(([name]) => name !== "way").map(
      ([name, value]) => [words(name), value],
    )),
  };
  return h(
    "dl", { class: "lineage" },
    Object.entries(rows).filter(([, value]) => (value ?? "") !== "").map(([name, value]) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))),
  );
}

function job(one) {
  return h("li", {}, h(
    "span", { class: `state ${one.state}` }, one.state,
  ), h("div", {}, h("p", {}, ["queued", "running"].includes(one.state) ? "Under way." : sentence(one)),
    h("p", { class: "note" }, [moment(one.created), one.job].filter(Boolean).join(" · "))));
}

