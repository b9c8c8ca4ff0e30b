// The page as a whole: who is signed in, which page the address names, and what happens when a key ends.

import { forgetAccuracy } from "./accuracy.js";
import { get } from "./api.js";
import { h, put } from "./dom.js";
import { frame, mark } from "./frame.js";
import { forget } from "./orders.js";
import { empty, trouble } from "./notices.js";
import { parse, route } from "./router.js";
import { session, theme } from "./session.js";
import { signIn } from "./signin.js";
import * as about from "./about.js";
import * as categories from "./categories.js";
import * as insights from "./insights.js";
import * as model from "./model.js";
import * as sku from "./sku.js";
import * as today from "./worklist.js";

const PAGES = { today, sku, categories, insights, model, about };
const app = document.getElementById("app");
let leave = null;
let keys = null; // of the page that is shown

async function start(key) {
  const me = await get("/v1/me", { key });
  const tenants = me.tenant ? [] : (await get("/v1/tenants", { key })).tenants;
  session.begin(key, me, tenants);
  put(app, frame({ out: () => end(""), chosen: choose }));
  show();
}

function choose(tenant) {
  session.choose(tenant);
  forget();
  forgetAccuracy();
  if (route.page === "sku") location.hash = "#/today";
  else show();
}

function end(line) {
  leave?.();
  leave = keys = null;
  session.end();
  forget();
  forgetAccuracy();
  put(app, signIn(start, line));
  app.querySelector("input")?.focus();
}

function show() {
  if (!session.key || !document.getElementById("main")) return;
  leave?.();
  leave = keys = null;
  Object.assign(route, parse(), { steps: route.steps + 1 });
  const page = PAGES[route.page] ?? today;
  if (page === today) route.page = "today";
  mark(route.page);
  const host = h("div", { class: `page page-${route.page}` });
  put(document.getElementById("main"), host);
  scrollTo(0, 0);
  document.title = `${page.title(route)} · ${session.tenant} · invplat`;
  if (!session.tenant) {
    put(
      host, empty("No businesses yet", "Once one is added, its orders are here."),
      h("p", { class: "empty" }, h("code", {}, "invplat tenant add NAME --data FILES")),
    );
    return;
  }
  try {
    ({ leave = null, keys = null } = page.show(host, route) ?? {});
  } catch (error) {
    put(host, trouble(error, show));
  }
  const start = host.querySelector("h1") ?? document.getElementById("main");
  start.setAttribute("tabindex", "-1");
  start.focus({ preventScroll: true });
}

function ended(error) {
  if (error?.kind !== "key") return false;
  end(`${error.line} ${error.advice}`);
  return true;
}

addEventListener("hashchange", show);
addEventListener("trouble", (event) => ended(event.detail) || console.error(event.detail));
addEventListener("unhandledrejection", (event) => {
  if (ended(event.reason)) event.preventDefault();
});
addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  keys?.(event);
});
addEventListener("online", () => document.body.classList.remove("offline"));
addEventListener("offline", () => document.body.classList.add("offline"));

theme.apply();
document.body.classList.toggle("offline", !navigator.onLine);
if (session.key) {
  start(session.key).catch((error) => {
    if (error.kind === "key" || error.kind === "forbidden") end(`${error.line} ${error.advice}`);
    else put(app, h("div", { class: "alone" }, trouble(error, () => location.reload())));
  });
} else end("");
