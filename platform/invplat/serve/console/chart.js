// A SKU on one calendar: what was sold and what is expected above, stock and its levels below. Drawn by ourselves.

import { h, put, svg } from "./dom.js";
import { date, known, longDate, share, short, units } from "./format.js";
import { area, bands, largest, line, marks } from "./scale.js";

const LEFT = 44;
const RIGHT = 14;
const TOP = 26;
const GAP = 40;
const BOTTOM = 24;

export class Chart {
  #model = null;
  #at = -1;
  #scene = null;

  constructor(label) {
    this.canvas = h("div", {
      class: "chart-canvas", tabindex: 0, role: "group",
      "aria-label": `${label}. Left and right arrows read it period by period.`,
      onpointermove: (event) => this.#near(event), onpointerdown: (event) => this.#near(event),
      onpointerleave: (event) => event.pointerType === "mouse" && this.#read(-1),
      onkeydown: (event) => this.#walk(event), onblur: () => this.#read(-1),
    });
    this.readout = h("div", { class: "readout", hidden: true });
    this.spoken = h("p", { class: "unseen", "aria-live": "polite" });
    this.legend = h("ul", { class: "legend" });
    this.element = h(
      "figure", { class: "chart" }, this.legend, h("div", { class: "chart-stage" }, this.canvas, this.readout),
      this.spoken,
    );
    this.watch = new ResizeObserver(() => this.#draw());
    this.watch.observe(this.canvas);
  }

  leave() {
    this.watch.disconnect();
  }

  /** points: [
    {date, demand, censored, promotion, on_hand, mean, quantiles, ghost, plan, bare},
  ], `now`: index of the last known */
  set(model) {
    this.#model = model;
    this.#at = -1;
    this.#draw();
  }

  #draw() {
    const width = this.canvas.clientWidth;
    const model = this.#model;
    if (!model || width < 60 || !model.points.length) return;
    const stocked = model.points.some((one) => known(one.on_hand) || known(one.plan));
    const tall = width < 560 ? 300 : 380;
    const room = tall - TOP - BOTTOM - (stocked ? GAP : 0);
    const upper = { top: TOP, height: stocked ? room * 0.58 : room };
    const lower = { top: TOP + upper.height + GAP, height: room - upper.height };
    const step = (width - LEFT - RIGHT) / Math.max(1, model.points.length - 1);
    const x = (index) => LEFT + index * step;
    const parts = [];
    this.#scene = { x, step, width, tall, bottom: tall - BOTTOM };
    parts.push(...this.#demand(model, upper, x, width));
    if (stocked) parts.push(...this.#stock(model, lower, x, width));
    parts.push(...this.#calendar(model, x, width, tall));
    this.cursor = svg("g", { class: "cursor" });
    put(this.canvas, svg("svg", { width, height: tall, "aria-hidden": "true" }, parts, this.cursor));
    this.#keys(model, stocked);
    this.#read(-1);
  }

  #demand(model, box, x, width) {
    const { points, levels, now } = model;
    const edge = (one) => (one.quantiles ? one.quantiles.at(-1) : null);
    const y = this.#axis(
      largest(points.map((one) => one.demand), points.map(edge), points.map((one) => one.mean)), box,
    );
    this.#scene.demand = y;
    const ahead = points.map((one, index) => [index, one]).filter(([, one]) => one.quantiles);
    const fans = bands(levels).map(([low, high], rank) =>
      svg(
        "path",
        {
          class: `fan fan-${rank}`,
          d: area(ahead.map(([index, one]) => [x(index), y(one.quantiles[low]), y(one.quantiles[high])])),
        },
      ));
    const open = x(now) + (points.length > now + 1 ? (x(now + 1) - x(now)) / 2 : 0);
    return [
      svg(
        "rect",
        {
          class: "ahead", x: open, y: box.top - 8, width: Math.max(0, width - RIGHT - open),
          height: this.#scene.bottom - box.top + 8,
        },
      ),
      ...this.#grid(y, box, width, model.unit),
      ...points.flatMap((one, index) => (
        one.promotion ? [
          svg(
            "rect",
            {
              class: "promotion", x: x(index) - Math.max(1, this.#scene.step / 2), y: box.top + box.height + 2,
              width: Math.max(2, this.#scene.step), height: 4,
            },
          ),
        ] : []
      )),
      ...fans,
      svg("path", { class: "line ghost", d: line(points.map((one, index) => [x(index), this.#place(y, one.ghost)])) }),
      svg("path", { class: "line past", d: line(points.map((one, index) => [x(index), this.#place(y, one.demand)])) }),
      svg("path", { class: "line mean", d: line(points.map((one, index) => [x(index), this.#place(y, one.mean)])) }),
      ...points.flatMap((one, index) => (
        one.censored && known(one.demand) ? [
          svg("circle", { class: "censored", cx: x(index), cy: y(one.demand), r: 2.5 }),
        ] : []
      )),
    ];
  }

  #stock(model, box, x, width) {
    const { points, lines } = model;
    const y = this.#axis(
      largest(points.map((one) => one.on_hand), points.map((one) => one.plan), Object.values(lines)), box,
    );
    this.#scene.stock = y;
    const both = known(lines.order_up_to) && known(lines.reorder_point);
    const near = both && Math.abs(y(lines.order_up_to) - y(lines.reorder_point)) < 18;
    const level = (name, text, below = false) => (known(lines[name]) ? [
      svg("line", { class: `level ${name}`, x1: LEFT, x2: width - RIGHT, y1: y(lines[name]), y2: y(lines[name]) }),
      svg(
        "text",
        { class: "level-text", x: width - RIGHT - 4, y: y(lines[name]) + (below ? 15 : -6), "text-anchor": "end" },
        `${text} ${units(lines[name])}`,
      )] : []);
    const filled = points.map((one, index) => [
      x(index), y(0), this.#place(y, one.on_hand),
    ]).filter(([, , value]) => value !== null);
    return [
      ...this.#grid(y, box, width, "Stock, units"),
      svg("path", { class: "held", d: area(filled) }),
      svg(
        "path",
        { class: "line stock", d: line(points.map((one, index) => [x(index), this.#place(y, one.on_hand)]), true) },
      ),
      svg("path", { class: "line bare", d: line(points.map((one, index) => [x(index), this.#place(y, one.bare)])) }),
      svg("path", { class: "line plan", d: line(points.map((one, index) => [x(index), this.#place(y, one.plan)])) }),
      ...level("order_up_to", "Order up to"), ...level("reorder_point", "Reorder at", near),
    ];
  }

  #axis(most, box) {
    const ticks = marks(most || 1, box.height < 90 ? 2 : 4);
    const end = ticks.at(-1);
    const y = (value) => box.top + box.height * (1 - value / end);
    y.ticks = ticks;
    return y;
  }

  #place(y, value) {
    return known(value) ? y(value) : null;
  }

  #grid(y, box, width, text) {
    return [
      svg("text", { class: "axis-title", x: 0, y: box.top - 13 }, text),
      ...y.ticks.flatMap((value) => [
        svg("line", { class: value ? "rule" : "rule base", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
        svg("text", { class: "axis", x: LEFT - 8, y: y(value) + 3.5, "text-anchor": "end" }, short(value))]),
    ];
  }

  #calendar(model, x, width, tall) {
    const { points, now } = model;
    const every = Math.max(1, Math.ceil(points.length / Math.max(2, Math.floor((width - LEFT) / 92))));
    const found = [svg("line", { class: "now", x1: x(now), x2: x(now), y1: TOP - 8, y2: tall - BOTTOM })];
    for (let index = now % every; index < points.length; index += every) {
      const place = Math.min(Math.max(x(index), LEFT + 14), width - RIGHT - 22);
      found.push(svg(
        "text", { class: `axis${index === now ? " today" : ""}`, x: place, y: tall - 6, "text-anchor": "middle" },
        date(points[index].date),
      ));
    }
    return found;
  }

  #keys(model, stocked) {
    const key = (kind, text) => h("li", {}, svg("svg", { width: 18, height: 10, "aria-hidden": "true" },
      kind === "fan-key" ? svg(
        "rect", { class: "fan fan-1", width: 18, height: 10, rx: 2 },
      ) : kind === "promotion" ? svg("rect", { class: kind, y: 3, width: 18, height: 4 })
        : kind === "censored" ? svg("circle", { class: kind, cx: 9, cy: 5, r: 3 }) : svg(
          "path", { class: `line ${kind}`, d: "M0 5H18" },
        )), text);
    const some = (name) => model.points.some((one) => known(one[name]) || one[name] === true);
    put(this.legend, key("past", "Sold"), some("censored") ? key(
      "censored", "Sold out: demand was higher",
    ) : null, key("mean", "Expected"),
      model.levels.length > 1 ? key(
        "fan-key", `${share(model.levels[0])} to ${share(model.levels.at(-1))} of outcomes`,
      ) : null,
      some("ghost") ? key("ghost", "Expected before") : null, some("promotion") ? key("promotion", "Promotion") : null,
      stocked ? [
        key("stock", "Stock"), some("plan") ? key("plan", "with this order") : null,
        some("bare") ? key("bare", "without") : null,
      ] : null);
  }

  #near(event) {
    if (!this.#scene) return;
    const at = Math.round((event.clientX - this.canvas.getBoundingClientRect().left - LEFT) / this.#scene.step);
    this.#read(Math.max(0, Math.min(this.#model.points.length - 1, at)));
  }

  #walk(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || !this.#model) return;
    event.preventDefault();
    const from = this.#at < 0 ? this.#model.now : this.#at;
    this.#read(Math.max(0, Math.min(this.#model.points.length - 1, from + steps[event.key])));
    this.spoken.textContent = this.readout.textContent;
  }

  #read(index) {
    this.#at = index;
    this.readout.hidden = index < 0;
    if (!this.cursor) return;
    if (index < 0) return void put(this.cursor);
    const one = this.#model.points[index];
    const { x, demand, stock, width, bottom } = this.#scene;
    const dot = (y, value, kind) => (y && known(value) ? svg(
      "circle", { class: `dot ${kind}`, cx: x(index), cy: y(value), r: 4 },
    ) : []);
    put(
      this.cursor, svg("line", { x1: x(index), x2: x(index), y1: TOP - 8, y2: bottom }),
      dot(demand, one.demand, "past"), dot(demand, one.mean, "mean"), dot(stock, one.on_hand ?? one.plan, "stock"),
    );
    const row = (name, value) => (value === null ? null : [h("dt", {}, name), h("dd", {}, value)]);
    const some = (value) => (known(value) ? units(value) : null);
    put(this.readout, h(
      "p", {}, longDate(one.date),
    ), h("dl", {}, row("Sold", some(one.demand)), row("Expected", some(one.mean)),
      row(
        "Range", one.quantiles ? `${units(one.quantiles[0])} – ${units(one.quantiles.at(-1))}` : null,
      ), row("Before", some(one.ghost)), row("Stock", some(one.on_hand)),
      row(
        "With order", some(one.plan),
      ), row("Without", some(one.bare)), one.promotion ? row("Promotion", "yes") : null));
    const wide = this.readout.offsetWidth;
    const left = x(index) > width / 2 ? Math.max(0, x(index) - wide - 12) : Math.min(x(index) + 12, width - wide);
    this.readout.style.left = `${left}px`;
  }
}
