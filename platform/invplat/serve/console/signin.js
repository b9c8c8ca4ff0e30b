// The door: a key, and why one was not taken.

import { h, icon, put } from "./dom.js";
import { trouble } from "./notices.js";

export function signIn(start, line) {
  const said = h(
    "div", { class: "said", "aria-live": "assertive" }, line ? h("p", { class: "trouble-line" }, line) : null,
  );
  const input = h("input", {
    id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true,
    placeholder: "Paste your key",
    "aria-describedby": "key-note",
  });
  const button = h("button", { class: "button main", type: "submit" }, "Sign in");
  const form = h("form", {
    class: "door-form", onsubmit: enter,
  }, h("label", { for: "key" }, "Key"), input, button, said,
    h(
      "p", { id: "key-note", class: "note" },
      "Your operator makes keys. Yours is kept in this tab only, and gone when you close it.",
    ));

  async function enter(event) {
    event.preventDefault();
    const key = input.value.trim();
    if (!key) return;
    button.disabled = true;
    put(button, "Signing in …");
    put(said);
    try {
      if (/[^\x21-\x7e]/.test(key)) throw Object.assign(new Error("characters"), { kind: "key" });
      await start(key);
    } catch (error) {
      const line = error.kind === "key" ? h(
        "p", { class: "trouble-line" }, "This key is not known here. Look whether all of it was copied.",
      ) : trouble(error);
      put(said, line);
      input.select();
    } finally {
      button.disabled = false;
      put(button, "Sign in");
    }
  }

  return h("main", { class: "door", id: "main" },
    h("div", { class: "door-card" },
      h("div", { class: "brand" }, mark(), h("span", {}, "invplat")),
      h("h1", {}, "What to order today, and why"),
      h("p", { class: "lead" }, "Forecasts and orders for every SKU in every store, the ones that matter first."),
      form,
      h("p", { class: "note door-foot" }, h("a", { href: "/docs" }, "The API", icon("next")))));
}

export function mark() {
  return h("span", { class: "mark", "aria-hidden": "true" }, icon("model"));
}
