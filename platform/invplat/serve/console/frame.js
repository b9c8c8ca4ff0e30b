// What stays around every page: the name of the business, the ways between the pages, light and dark, the way out.

import { h, icon } from "./dom.js";
import { session, theme } from "./session.js";
import { mark as sign } from "./signin.js";

const PAGES = [
  ["today", "Today"],
  ["categories", "Categories"],
  ["insights", "Insights"],
  ["model", "Model"],
  ["about", "API"],
];

export function frame({ out, chosen }) {
  const ways = PAGES.map(([name, text]) => h(
    "a", { href: `#/${name}`, "data-page": name }, icon(name), h("span", {}, text),
  ));
  return h("div", { class: "frame" },
    h("header", { class: "rail" },
      h(
        "a", { class: "brand", href: "#/today", "aria-label": "invplat, today’s orders" }, sign(),
        h("span", {}, "invplat"),
      ),
      business(chosen),
      h("nav", { "aria-label": "Pages" }, ways),
      h("div", { class: "rail-foot" },
        h(
          "button",
          { class: "plain", onclick: () => theme.turn(), "aria-label": "Light or dark", title: "Light or dark" },
          icon("theme"), h("span", {}, "Light or dark"),
        ),
        h(
          "button", { class: "plain", onclick: out, "aria-label": "Sign out", title: "Sign out" }, icon("leave"),
          h("span", {}, "Sign out"),
        ))),
    h("main", { id: "main" }),
    h(
      "p", { class: "offline-line", role: "status" },
      "You are offline. What is shown stays; new answers come when you are back.",
    ));
}

export function mark(page) {
  const shown = page === "sku" ? "today" : page;
  for (const way of document.querySelectorAll("nav [data-page]")) {
    if (way.dataset.page === shown) way.setAttribute("aria-current", "page");
    else way.removeAttribute("aria-current");
  }
}

function business(chosen) {
  if (!session.admin) return h("p", { class: "business", title: session.tenant }, session.tenant);
  return h("label", { class: "business" }, h("span", { class: "unseen" }, "Business"),
    h("select", { onchange: (event) => chosen(event.target.value) },
      session.tenants.map((name) => h("option", { value: name, selected: name === session.tenant }, name))));
}
