// Stock from today on, as it is expected: with the order that is advised, and without it.

import { known } from "./format.js";

/** What is ordered today, and what is on its way, counts from the lead time's end on. Beyond the arrival of the next
    order nothing is told: that order is not decided yet. */
export function project(order, mean) {
  if (!known(order.on_hand)) return { plan: [], bare: [] };
  const arrives = Math.max(1, Math.ceil(order.lead_time ?? 0)) - 1;
  const until = arrives + Math.max(1, order.review ?? 1);
  const run = (more) => {
    let stock = order.on_hand;
    return mean.slice(0, until + 1).map((demand, index) => {
      if (index === arrives) stock += (order.on_order ?? 0) + more;
      stock = Math.max(0, stock - demand);
      return stock;
    });
  };
  return { plan: run(order.order ?? 0), bare: run(0) };
}
