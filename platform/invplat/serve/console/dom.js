// Elements from plain calls. Text only ever becomes a text node: what a business wrote is never read as markup.

const PROPERTIES = ["value", "checked", "disabled", "selected"];
const SVG = "http://www.w3.org/2000/svg";

/** h("p", {class: "x", onclick: f, "aria-label": "…"}, "text", child, [more], null) */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.includes(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter(
    (child) => child !== null && child !== undefined && child !== false,
  ));
  return element;
}

export function put(host, ...children) {
  host.replaceChildren(...children.flat(Infinity).filter(
    (child) => child !== null && child !== undefined && child !== false,
  ));
  return host;
}

/** Told to a screen reader, not shown. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** Calls the last of a burst of calls, after a rest. */
export function rested(milliseconds, work) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), milliseconds);
  };
}

const PATHS = {
  today: "M4 6h12M4 12h16M4 18h9",
  categories: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  insights: "M9 18h6M10 21h4M12 3a6 6 0 0 0-3.5 10.9c.6.5 1 1.2 1 2v.1h5v-.1c0-.8.4-1.5 1-2A6 6 0 0 0 12 3z",
  model: "M4 19V9M10 19V5M16 19v-7M21 19H3",
  about: "M8 7l-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  refresh: "M20 11a8 8 0 0 0-14.5-4L3 9.500M3 4v5.500h5.500M4 13a8 8 0 0 0 14.500 4L21 14.500M21 20v-5.500h-5.500",
  leave: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
  theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z",
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  stockout: "M12 4l9 16H3zM12 10v4M12 17v.01",
  overstock: "M4 20h16M6 20V9h5v11M13 20V5h5v15",
  stock_unknown: "M9 9a3 3 0 1 1 4.500 2.600c-.9.500-1.500 1.200-1.500 2.200M12 17.500v.01",
  forecast_off: "M4 18l5-6 4 3 7-9M15 6h5v5M4 21h17",
  stale: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.500l3 2",
  done: "M5 12.500l4.500 4.500L19 7",
  close: "M6 6l12 12M18 6L6 18",
};

export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] ?? PATHS.about }),
  );
}
