// From figures to places on a drawing: round marks on an axis, lines that break where nothing is known.

import { known } from "./format.js";

/** Round marks from zero to at least `most`. */
export function marks(most, wanted = 4) {
  if (!(most > 0)) return [0, 1];
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= rough) * power;
  const found = [];
  for (let value = 0; value < most + step * 0.999; value += step) found.push(value);
  return found;
}

export function largest(...lists) {
  let most = 0;
  for (const list of lists) for (const value of list) if (known(value) && value > most) most = value;
  return most;
}

/** points: [x, y or null]; a gap lifts the pen. `stepped`: a level stays until the next is told. */
export function line(points, stepped = false) {
  let path = "";
  let down = false;
  for (const [x, y] of points) {
    if (!known(y)) {
      down = false;
      continue;
    }
    if (down && stepped) path += `H${x.toFixed(1)}V${y.toFixed(1)}`;
    else path += `${down ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    down = true;
  }
  return path;
}

/** points: [x, low, high], all known */
export function area(points) {
  if (points.length < 2) return "";
  const up = points.map(([x, , high], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${high.toFixed(1)}`).join("");
  const back = [...points].reverse().map(([x, low]) => `L${x.toFixed(1)} ${low.toFixed(1)}`).join("");
  return `${up}${back}Z`;
}

/** The pairs of quantile levels that enclose the middle, widest first: [[0, 8], [1, 7], …]. */
export function bands(levels) {
  const found = [];
  for (let low = 0; low < Math.floor(levels.length / 2); low += 1) found.push([low, levels.length - 1 - low]);
  return found.length > 3 ? [found[0], found[Math.floor(found.length / 2)], found.at(-1)] : found;
}
