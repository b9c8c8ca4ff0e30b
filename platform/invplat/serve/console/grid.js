// A long table of which only the rows in sight are there. The window scrolls it; arrows and Enter walk it.

import { h, put } from "./dom.js";

const BEYOND = 6; // rows drawn above and below what is in sight

export class Grid {
  #rows = [];
  #drawn = new Map();
  #columns;
  #open;
  #active = -1;
  #waiting = 0;
  #height = 56;

  constructor({ label, columns, open, sorted }) {
    this.#columns = columns;
    this.#open = open;
    this.body = h("div", { class: "grid-body", role: "rowgroup" });
    this.head = h("div", { class: "grid-row grid-head", role: "row", "aria-rowindex": 1 }, columns.map((column) =>
      h("div", { role: "columnheader", class: column.class, "data-key": column.key },
        h(
          "button", { class: "plain", tabindex: -1, title: column.help, onclick: () => sorted(column.key) },
          column.title,
        ))));
    this.element = h("div", {
      class: "grid", role: "grid", tabindex: 0, "aria-label": label, "aria-colcount": columns.length,
      onkeydown: (event) => this.#walk(event),
      onfocus: () => this.#active < 0 && this.#rows.length && this.#point(0, false),
    }, h("div", { role: "rowgroup", class: "grid-top" }, this.head), this.body);
    this.draw = () => {
      if (!this.#waiting) this.#waiting = requestAnimationFrame(() => this.#draw());
    };
    this.again = () => {
      this.#measure();
      this.draw();
    };
    addEventListener("scroll", this.draw, { passive: true });
    addEventListener("resize", this.again);
  }

  leave() {
    removeEventListener("scroll", this.draw);
    removeEventListener("resize", this.again);
  }

  get active() {
    return this.#active;
  }

  set(rows, key, down, active = -1) {
    this.#rows = rows;
    this.#active = Math.min(active, rows.length - 1);
    this.element.setAttribute("aria-rowcount", rows.length + 1);
    for (const cell of this.head.children) {
      if (cell.dataset.key === key) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    this.#measure();
    this.#draw();
    if (this.#active >= 0) this.#point(this.#active, true);
    else this.element.removeAttribute("aria-activedescendant");
  }

  #measure() {
    this.#height = Number.parseInt(getComputedStyle(this.element).getPropertyValue("--row"), 10) || 56;
    this.body.style.height = `${this.#rows.length * this.#height}px`;
    this.#drawn.clear();
    put(this.body);
  }

  #draw() {
    this.#waiting = 0;
    const top = -this.body.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / this.#height) - BEYOND);
    const last = Math.min(this.#rows.length, Math.ceil((top + innerHeight) / this.#height) + BEYOND);
    for (const [index, row] of this.#drawn)
      if (index < first || index >= last) {
        row.remove();
        this.#drawn.delete(index);
      }
    for (let index = first; index < last; index += 1)
      if (!this.#drawn.has(index)) {
        const row = this.#row(index);
        this.#drawn.set(index, row);
        this.body.append(row);
      }
  }

  #row(index) {
    const one = this.#rows[index];
    const row = h("div", {
      class: `grid-row${index === this.#active ? " active" : ""}${index % 2 ? " odd" : ""}`, role: "row",
      id: `row-${index}`,
      "aria-rowindex": index + 2, onclick: (event) => event.target.closest("a") || this.#open(one, index),
    }, this.#columns.map((column) => h("div", { role: "gridcell", class: column.class }, column.cell(one))));
    row.style.top = `${index * this.#height}px`;
    return row;
  }

  #walk(event) {
    const page = Math.max(1, Math.floor(innerHeight / this.#height) - 4);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.target !== this.element && event.key === "Enter") return;
    if (event.key === "Enter" && this.#active >= 0) this.#open(this.#rows[this.#active], this.#active);
    else if (event.key in steps && this.#rows.length)
      this.#point(Math.min(this.#rows.length - 1, Math.max(0, this.#active + steps[event.key])), true);
    else return;
    event.preventDefault();
  }

  #point(index, move) {
    this.#drawn.get(this.#active)?.classList.remove("active");
    this.#active = index;
    if (move) this.#reveal(index);
    this.#draw();
    this.#drawn.get(index)?.classList.add("active");
    this.element.setAttribute("aria-activedescendant", `row-${index}`);
  }

  #reveal(index) {
    const top = this.body.getBoundingClientRect().top + index * this.#height;
    const above = this.head.getBoundingClientRect().height + 70;
    const below = innerHeight - 120;
    if (top < above) scrollBy(0, top - above);
    else if (top + this.#height > below) scrollBy(0, top + this.#height - below);
  }
}
