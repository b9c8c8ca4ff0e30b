// Today's orders of the business, asked once and kept while the tab is open; which of them a planner wants to see.

import { get, ofTenant, read } from "./api.js";
import { known } from "./format.js";
import { session } from "./session.js";

export const EXCEPTIONS = {
  stockout: ["Stockout expected", "will likely run out before an order placed later could arrive"],
  overstock: ["Overstock", "more than the order-up-to level"],
  stock_unknown: ["Stock unknown", "no count of stock: the order is a guess"],
  stale: ["Data stale", "nothing heard of for a while"],
  forecast_off: ["Forecast off", "sales lie outside what was forecast"],
};
const NAMED = 10_000; // items whose names are asked for
const alphabet = new Intl.Collator("en", { numeric: true });
const FRESH = 10 * 60 * 1000; // milliseconds that an answer counts as today's

let kept = null;

export function forget() {
  kept = null;
}

export function orders() {
  if (kept && kept.tenant === session.tenant && Date.now() - kept.at < FRESH) return kept.answer;
  const mine = {
    tenant: session.tenant, at: Date.now(), answer: Promise.all([
      read(ofTenant("/orders"), {}), names(),
    ]).then(prepared),
  };
  kept = mine;
  mine.answer.catch(() => {
    if (kept === mine) kept = null;
  });
  return mine.answer;
}

/** SKU → what people call it. Nice to have: the list goes without. */
async function names() {
  try {
    const { series } = await get(ofTenant(`/series?limit=${NAMED}`));
    return new Map(series.filter((one) => one.name).map((one) => [one.sku, one.name]));
  } catch (error) {
    if (error.kind === "key") throw error;
    return new Map();
  }
}

function prepared([answer, called]) {
  for (const row of answer.orders) {
    plain(row);
    row.name = called.get(row.sku) ?? null;
    row.find = `${row.sku}\n${row.name ?? ""}\n${row.store}\n${row.category ?? ""}`.toLowerCase();
  }
  const several = (name) => [...new Set(answer.orders.map((row) => row[name]).filter(Boolean))].sort(alphabet.compare);
  return { ...answer, stores: several("store"), categories: several("category") };
}

/** Stock that nobody counted is reckoned as none; here it is not shown as if it were known to be none. */
export function plain(row) {
  if (row.exceptions.includes("stock_unknown")) Object.assign(row, { on_hand: null, cover: null });
  return row;
}

/** Those that a wish {q, store, category, exception, all} names, in the order it asks for. */
export function chosen(rows, wish) {
  const words = (wish.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter((row) =>
    (!wish.store || row.store === wish.store) &&
    (!wish.category || row.category === wish.category) &&
    (!wish.exception || row.exceptions.includes(wish.exception)) &&
    (!wish.placed || row.order > 0) &&
    words.every((word) => row.find.includes(word)));
  const key = wish.sort || "money_at_risk";
  const down = wish.way ? wish.way === "down" : !TEXTS.has(key);
  return found.sort((a, b) => compared(a, b, key, down));
}

const TEXTS = new Set(["sku", "store", "category"]);

/** What is not known comes last, whichever way. */
function compared(a, b, key, down) {
  if (key === "exceptions") return (down ? 1 : -1) * (b.exceptions.length - a.exceptions.length) || compared(
    a, b, "money_at_risk", true,
  );
  const [left, right] = [a[key], b[key]];
  const text = TEXTS.has(key);
  const lacks = (value) => (text ? !value : !known(value));
  if (lacks(left) || lacks(right)) return lacks(left) - lacks(right);
  const order = text ? alphabet.compare(left, right) : left - right;
  return (down ? -order : order) || (a.find < b.find ? -1 : 1);
}

export function summed(rows) {
  const add = (name) => rows.reduce((sum, row) => sum + (known(row[name]) ? row[name] : 0), 0);
  const placed = rows.filter((row) => row.order > 0);
  return {
    items: rows.length,
    orders: placed.length,
    units: add("order"),
    value: rows.some((row) => known(row.order_value)) ? add("order_value") : null,
    risk: rows.some((row) => known(row.money_at_risk)) ? add("money_at_risk") : null,
  };
}

/** [name, how many, their money] of each exception that there is, in the order in which a planner cares. */
export function exceptionsOf(rows) {
  const found = new Map(Object.keys(EXCEPTIONS).map((name) => [name, [0, 0]]));
  for (const row of rows)
    for (const name of row.exceptions) {
      const so = found.get(name) ?? [0, 0];
      found.set(name, [so[0] + 1, so[1] + (row.money_at_risk ?? 0)]);
    }
  return [...found].map(([name, [count, risk]]) => ({ name, count, risk }))
    .filter((one) => one.count || one.name !== "forecast_off");
}
