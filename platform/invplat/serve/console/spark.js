// A forecast in the size of a word: the middle and the fan around it.

import { svg } from "./dom.js";
import { area, bands, largest, line } from "./scale.js";

export function spark(forecast, levels, { width = 132, height = 34 } = {}) {
  const { mean, quantiles } = forecast;
  const most = largest(mean, (quantiles ?? []).map((each) => each.at(-1))) || 1;
  const x = (index) => 1 + (index * (width - 2)) / Math.max(1, mean.length - 1);
  const least = Math.min(
    most, ...mean, ...(quantiles ?? []).map((each) => each[0]),
  ) * 0.8; // the shape is what is shown
  const y = (value) => 2 + (height - 4) * (1 - (value - least) / (most - least || 1));
  const fans = quantiles?.length ? bands(levels).map(([low, high], rank) =>
    svg(
      "path",
      { class: `fan fan-${rank}`, d: area(quantiles.map((each, index) => [x(index), y(each[low]), y(each[high])])) },
    )) : [];
  return svg("svg", {
    class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none",
    "aria-hidden": "true",
  }, fans,
    svg("path", { class: "line mean", d: line(mean.map((value, index) => [x(index), y(value)])) }));
}
