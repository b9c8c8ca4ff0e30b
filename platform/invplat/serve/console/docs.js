// The OpenAPI document as a page: each operation with what it takes, what it answers, and a line to try.

import { h, icon, put } from "./dom.js";
import { theme } from "./session.js";
import { mark } from "./signin.js";

const NARROW = 800; // pixels, as in docs.css
const DEEP = 3; // shapes within shapes that are unfolded
const METHODS = ["get", "post", "put", "patch", "delete"];
const host = document.getElementById("docs");
let api = null;

async function show() {
  theme.apply();
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`${response.status}`);
  api = await response.json();
  const all = Object.entries(api.paths).flatMap(([path, methods]) => METHODS.filter((method) => methods[method]).map(
    (method) => ({ path, method, ...methods[method], shared: methods.parameters ?? [] }),
  ));
  const tags = [...new Set(all.map((one) => one.tags?.[0] ?? "other"))];
  put(host,
    h("aside", { class: "docs-side" }, h("a", { class: "brand", href: "/" }, mark(), h("span", {}, "invplat")),
      h("details", {
        class: "fold", open: innerWidth > NARROW,
      }, h(
        "summary", {}, "Operations",
      ), h("nav", {
        "aria-label": "Operations",
      }, tags.map((tag) => [h("p", { class: "over" }, capital(tag)), all.filter((one) => (
        one.tags?.[0] ?? "other"
      ) === tag).map((one) =>
        h(
          "a", { href: `#${nameOf(one)}` }, h("span", { class: `method ${one.method}` }, one.method),
          h("span", {}, one.summary ?? one.path),
        ))]))),
      h(
        "a", { class: "button", href: "/openapi.json", download: "invplat-openapi.json" }, icon("download"),
        "openapi.json",
      )),
    h("main", { id: "operations", tabindex: -1 },
      h(
        "header", { class: "docs-top" },
        h("p", { class: "over" }, `Version ${api.info.version} · OpenAPI ${api.openapi}`),
        h("h1", {}, `${api.info.title} API`), text(api.info.description),
      ),
      tags.map((tag) => [
        h("h2", { class: "docs-tag" }, capital(tag)),
        all.filter((one) => (one.tags?.[0] ?? "other") === tag).map(operation),
      ])));
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

const nameOf = (one) => `${one.method}-${one.path.replaceAll(/[^a-z0-9]+/gi, "-")}`;
const capital = (word) => (word === "kpis" ? "KPIs" : word.charAt(0).toUpperCase() + word.slice(1));

function operation(one) {
  const parameters = [...one.shared, ...(one.parameters ?? [])].map(resolved);
  const kinds = Object.entries(one.requestBody?.content ?? {});
  const body = kinds.find(([kind]) => kind === "application/json")?.[1];
  return h("article", { class: "panel operation", id: nameOf(one) },
    h("h3", {}, one.summary ?? one.path),
    h("p", { class: "address" }, h("span", { class: `method ${one.method}` }, one.method), h("code", {}, one.path)),
    text(one.description),
    parameters.length ? [
      h("h4", {}, "Parameters"),
      fields(parameters.map((each) => [each.name, each.schema ?? {}, each.required, each.in, each.description])),
    ] : null,
    body ? [
      h("h4", {}, `Body${kinds.length > 1 ? `, ${kinds.map(([kind]) => kind).join(" or ")}` : ""}`),
      shape(body.schema, 0),
    ] : null,
    h("h4", {}, "Answers"), h("dl", { class: "fields" }, Object.entries(one.responses ?? {}).map(([status, answer]) => {
      const schema = answer.content?.["application/json"]?.schema;
      return h(
        "div", {}, h("dt", {}, h("code", {}, status)),
        h(
          "dd", {}, resolved(answer).description ?? "",
          status.startsWith("2") && schema ? h(
            "details", { class: "fold" }, h("summary", {}, "What it says"), shape(schema, 0),
          ) : null,
        ),
      );
    })),
    h("h4", {}, "Try it"), h("pre", { tabindex: 0 }, h("code", {}, curl(one, body))));
}

function curl(one, body) {
  const parts = [
    `curl -s${one.method === "get" ? "" : ` -X ${one.method.toUpperCase()}`} ${location.origin}${one.path}`,
  ];
  if (one.security?.length) parts.push('-H "Authorization: Bearer KEY"');
  const schema = body ? resolved(body.schema ?? {}) : null;
  const shown = body?.example ?? Object.values(body?.examples ?? {})[0]?.value;
  const example = shown ?? schema?.examples?.[0] ?? schema?.example;
  if (body) parts.push('-H "Content-Type: application/json"', `-d '${JSON.stringify(example ?? {})}'`);
  return parts.join(" \\\n  ");
}

function resolved(one) {
  if (!one?.$ref) return one ?? {};
  const found = one.$ref.slice(2).split("/").reduce(
    (at, part) => at?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], api,
  );
  return { ...found, ...(one.description ? { description: one.description } : {}) };
}

function shape(schema, depth) {
  const found = core(schema);
  if (!found.properties) return h("p", { class: "note" }, kind(schema));
  const required = new Set(found.required ?? []);
  return fields(
    Object.entries(found.properties).map(([name, each]) => [
      name, each, required.has(name), "", each.description ?? resolved(each).description,
    ]),
    depth,
  );
}

/** Without "or null", and of a list what it lists. */
function core(schema) {
  let found = resolved(schema);
  const some = (found.anyOf ?? found.oneOf ?? found.allOf)?.filter((one) => one.type !== "null");
  if (some?.length === 1) found = core(some[0]);
  return found.type === "array" && found.items ? core(found.items) : found;
}

function fields(rows, depth = 0) {
  return h("dl", { class: "fields" }, rows.map(([name, schema, required, place, description]) => {
    const inner = core(schema);
    return h("div", {}, h("dt", {}, h("code", {}, name), required ? h("span", { class: "needed" }, "required") : null),
      h("dd", {}, h(
        "span", { class: "kind" }, [place, kind(schema)].filter(Boolean).join(" · "),
      ), description ? h("span", {}, description) : null,
        inner.properties && depth < DEEP ? h(
          "details", { class: "fold" }, h("summary", {}, inner.title ?? "its fields"), shape(schema, depth + 1),
        ) : null));
  }));
}

function kind(schema) {
  const found = resolved(schema);
  const several = found.anyOf ?? found.oneOf;
  if (several) return several.map(kind).join(" or ");
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (found.const !== undefined) return JSON.stringify(found.const);
  if (found.type === "array") {
    const most = found.maxItems ? `, at most ${found.maxItems.toLocaleString("en")}` : "";
    return `list of ${found.items ? kind(found.items) : "anything"}${most}`;
  }
  const limits = [
    ["minimum", "≥"], ["exclusiveMinimum", ">"], ["maximum", "≤"], ["exclusiveMaximum", "<"],
  ].filter(([name]) => found[name] !== undefined).map(([name, sign]) => `${sign} ${found[name]}`);
  const plain = found.format ?? (found.properties ? found.title ?? "object" : found.type ?? "anything");
  return [
    plain, ...limits,
    found.default !== undefined && found.default !== null ? `else ${JSON.stringify(found.default)}` : "",
  ].filter(Boolean).join(", ");
}

/** Markdown's code marks only: nobody needs more of it here. */
function text(said) {
  return (said ?? "").split(/\n\s*\n/).filter(Boolean).map((part) =>
    h(
      "p", { class: "reason" },
      part.split(/(`[^`]+`)/).map((piece) => (/^`.+`$/.test(piece) ? h("code", {}, piece.slice(1, -1)) : piece)),
    ));
}

show().catch((error) => put(
  host,
  h(
    "div", { class: "alone" },
    h(
      "div", { class: "trouble", role: "alert" }, icon("stockout"),
      h(
        "div", {}, h("p", { class: "strong" }, "The description of the API can’t be had."),
        h("p", {}, `Load this page again (${error.message}).`),
      ),
    ),
  ),
));
