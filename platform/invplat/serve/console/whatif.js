// Sliders, and what they change: asked a moment after the last move, the latest wish wins, before → after.

import { h, put, rested } from "./dom.js";
import { known, money, share, signed, units } from "./format.js";

const REST = 140; // milliseconds after the last move
const LEVELS = [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.999];
const LONGEST = { day: 60, week: 26, month: 12 }; // periods on the slider

export class WhatIf {
  #order;
  #ask;
  #moved = new Set();
  #last = "";

  constructor(order, per, ask) {
    this.#order = order;
    this.#ask = ask;
    const service = nearest(order.service_level ?? 0.95);
    const lead = Math.round(order.lead_time ?? 7);
    const longest = Math.max(LONGEST[per] ?? 60, lead * 2);
    this.start = { service, lead_time: lead, price_change: 0, promotion: "" };
    this.fields = {
      service: slider(
        "what-service", "Service level", 0, LEVELS.length - 1, 1, service, (at) => share(LEVELS[at]),
        () => this.#touch("service"),
      ),
      lead_time: slider(
        "what-lead", "Lead time", 0, longest, 1, lead, (days) => `${days} ${per}${days === 1 ? "" : "s"}`,
        () => this.#touch("lead_time"),
      ),
      price_change: slider(
        "what-price", "Price", -50, 50, 1, 0, (change) => (change ? `${signed(change)} %` : "as planned"),
        () => this.#touch("price_change"),
      ),
    };
    this.promotion = h("div", { class: "segments", role: "radiogroup", "aria-labelledby": "what-promotion" },
      [["", "As planned"], ["on", "On"], ["off", "Off"]].map(([value, text]) =>
        h(
          "label", {},
          h(
            "input",
            {
              type: "radio", name: "promotion", value, checked: value === "", onchange: () => this.#touch("promotion"),
            },
          ),
          h("span", {}, text),
        )));
    this.reset = h("button", { class: "plain reset", disabled: true, onclick: () => this.#undo() }, "Reset");
    this.after = h("table", { class: "before-after" });
    this.element = h("div", { "aria-busy": "false" },
      h("div", { class: "panel-top" }, h("h2", {}, "What if"), this.reset),
      Object.values(this.fields).map((field) => field.element),
      h(
        "div", { class: "field" }, h(
          "span", { id: "what-promotion", class: "field-name" }, "Promotion",
        ), this.promotion,
      ), this.after);
    this.later = rested(REST, () => this.#send());
    this.answered(order);
  }

  #touch(name) {
    this.#moved.add(name);
    this.#last = name;
    this.reset.disabled = false;
    this.element.setAttribute("aria-busy", "true");
    this.later();
  }

  #undo() {
    this.#moved.clear();
    this.reset.disabled = true;
    for (const [name, field] of Object.entries(this.fields)) field.set(this.start[name]);
    this.promotion.querySelector("input").checked = true;
    this.#ask(null);
  }

  #send() {
    const { service, lead_time: lead, price_change: change } = this.fields;
    const terms = {};
    const plan = {};
    if (this.#moved.has("service")) terms.service = LEVELS[service.value()];
    if (this.#moved.has("lead_time")) terms.lead_time = lead.value();
    if (change.value()) plan.price_change = change.value() / 100;
    const promotion = this.promotion.querySelector("input:checked").value;
    if (promotion) plan.promotion = promotion === "on";
    const wish = Object.fromEntries([["terms", terms], ["what_if", plan]].filter(
      ([, part]) => Object.keys(part).length,
    ));
    this.#ask(Object.keys(wish).length ? wish : null);
  }

  /** What the data give no ground for can't be asked: its field is shut, with the reason, and the rest asked again. */
  refused(trouble) {
    const name = this.#last;
    if (!["price_change", "promotion"].includes(name)) return false;
    this.#moved.delete(name);
    const field = name === "promotion" ? this.promotion.parentElement : this.fields[name].element;
    if (name === "promotion") this.promotion.querySelector("input").checked = true;
    else this.fields[name].set(0);
    for (const input of field.querySelectorAll("input")) input.disabled = true;
    field.classList.add("shut");
    field.append(h(
      "p", { class: "note", role: "status" },
      `Can’t be asked: ${trouble.line}.${trouble.advice ? ` To change that: ${trouble.advice}.` : ""}`,
    ));
    this.#last = "";
    this.#send();
    return true;
  }

  failed() {
    this.element.setAttribute("aria-busy", "false");
  }

  answered(order) {
    this.element.setAttribute("aria-busy", "false");
    const before = this.#order;
    const row = (name, key, write, lessIsGood = null) => {
      const [old, fresh] = [before[key], order[key]];
      const moved = known(old) && known(fresh) && write(old) !== write(fresh);
      const kind = !moved || lessIsGood === null ? "" : (fresh < old) === lessIsGood ? " good" : " bad";
      return h("tr", { class: moved ? "moved" : "" }, h("th", { scope: "row" }, name), h(
        "td", { class: "num" }, write(old),
      ), h("td", { class: "arrow", "aria-hidden": "true" }, moved ? "→" : ""),
        h("td", { class: `num after${kind}`, "data-figure": key }, write(fresh)));
    };
    put(this.after, h("caption", { class: "unseen" }, "Before and after"),
      h(
        "thead", {},
        h(
          "tr", {}, h("th", { scope: "col" }, ""), h("th", { scope: "col", class: "num" }, "Now"), h("th", {}),
          h("th", { scope: "col", class: "num" }, "Then"),
        ),
      ),
      h("tbody", {}, row("Order, units", "order", units), row("Order up to", "order_up_to", units), row(
        "Reorder point", "reorder_point", units,
      ), row("Safety stock", "safety_stock", units),
        row("Mean demand", "mean_demand", units), row(
          "Stockout risk after", "stockout_risk_after", share, true,
        ), row("Expected cost", "expected_cost", money, true), row("Order value", "order_value", money)));
  }
}

function slider(id, name, min, max, step, value, write, moved) {
  const out = h("output", { for: id }, write(value));
  const input = h("input", { id, type: "range", min, max, step, value, "aria-valuetext": write(value), oninput: () => {
    told();
    moved();
  } });
  const told = () => {
    out.textContent = write(Number(input.value));
    input.setAttribute("aria-valuetext", out.textContent);
  };
  return {
    element: h("div", { class: "field" }, h("label", { for: id, class: "field-name" }, name), out, input),
    value: () => Number(input.value),
    set: (to) => {
      input.value = to;
      told();
    },
  };
}

function nearest(level) {
  return LEVELS.reduce((best, one, at) => (Math.abs(one - level) < Math.abs(LEVELS[best] - level) ? at : best), 0);
}
