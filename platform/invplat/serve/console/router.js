// Pages by hash: #/sku/Riga/A-1, #/today?exception=stockout. A link to a page is a link to what it shows.

export const route = { page: "today", parts: [], query: new URLSearchParams(), steps: 0 };

export function parse(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [page = "", ...parts] = path.split("/").map(decoded);
  return { page: page || "today", parts, query: new URLSearchParams(query) };
}

export function link(page, parts = [], query = {}) {
  const path = [page, ...parts].map(encodeURIComponent).join("/");
  const asked = new URLSearchParams(Object.entries(query).filter(
    ([, value]) => value !== "" && value !== null && value !== undefined,
  )).toString();
  return `#/${path}${asked ? `?${asked}` : ""}`;
}

export function go(page, parts, query) {
  location.hash = link(page, parts, query);
}

/** The same page said more closely, without a step back in the browser's history for each letter typed. */
export function refine(query) {
  history.replaceState(null, "", link(route.page, route.parts, query));
  route.query = parse().query;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
