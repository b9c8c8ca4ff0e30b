// The same answers for programs: a line to try, what the API offers, and the keys that this page listens to.

import { h, put } from "./dom.js";
import { notice } from "./notices.js";
import { session } from "./session.js";

const KEYS = [
  ["/", "filter the list"], ["↑ ↓", "walk the list"], ["Page ↑ ↓, Home, End", "walk it faster"],
  ["Enter", "open the item"], ["Esc", "back, or clear the filter"], ["← →", "read the chart, period by period"],
];

export const title = () => "API";

export function show(host) {
  put(host, h(
    "div", { class: "heading" },
    h(
      "div", {}, h("p", { class: "over" }, "For programs"), h("h1", {}, "API"),
      h("p", { class: "lead" }, "Everything on these pages comes from an HTTP API that your own programs can ask."),
    ),
  ),
    h("section", { class: "panel", "aria-label": "Try it" }, h("h2", {}, "Try it"), h(
      "p", { class: "note" }, "Put your key in the place of KEY.",
    ),
      line(
        "Today’s orders",
        curl("orders", {}),
      ),
      line(
        "Forecasts by category",
        curl("forecasts", { by: "category" }),
      ),
      h(
        "p", {}, h("a", { class: "button main", href: "/docs" }, "All of the API"), " ",
        h("a", { class: "button", href: "/openapi.json" }, "OpenAPI document"),
      )),
    h(
      "section", { class: "panel", "aria-label": "Keys of the keyboard" }, h("h2", {}, "Keyboard"),
      h(
        "dl", { class: "keys" },
        KEYS.map(([key, text]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, text))),
      ),
    ),
    h("section", { class: "panel", "aria-label": "You" }, h("h2", {}, "Signed in"),
      h(
        "dl", { class: "lineage" },
        [
          ["Business", session.tenant], ["Key", session.name || "–"], ["May", session.scopes.join(", ") || "–"],
        ].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
      )));
}

function curl(what, body) {
  const address = `${location.origin}/v1/tenants/${session.tenant}/${what}`;
  const headers = '-H "Authorization: Bearer KEY" -H "Content-Type: application/json"';
  return `curl -s -X POST ${address} ${headers} -d '${JSON.stringify(body)}'`;
}

function line(title, text) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      notice("Copied.");
    } catch {
      notice("The browser did not allow copying: select the line instead.", "bad");
    }
  };
  return h(
    "div", { class: "curl" },
    h("div", { class: "panel-top" }, h("h3", {}, title), h("button", { class: "button", onclick: copy }, "Copy")),
    h("pre", { tabindex: 0 }, h("code", {}, text)),
  );
}
