// What is said across the page: a line that passes, a line of trouble with what to do, an empty place explained.

import { h, icon, put } from "./dom.js";
import { Trouble } from "./api.js";

const STAYS = 9000;

export function notice(text, kind = "good", action = null) {
  const close = () => card.remove();
  const card = h("div", { class: `notice ${kind}` }, h("p", {}, text), action,
    h("button", { class: "plain", "aria-label": "Close this notice", onclick: close }, icon("close")));
  document.getElementById("notices").append(card);
  setTimeout(close, STAYS);
}

/** Nothing from an error's inside is shown but what the API said for people. */
export function trouble(error, again = null) {
  const known = error instanceof Trouble;
  if (!known) console.error(error);
  const line = known ? error.line : "This page stumbled.";
  const advice = known ? error.advice : "Load it again; if it stays, tell your operator.";
  return h("div", { class: "trouble", role: "alert" }, icon("stockout"),
    h("div", {}, h("p", { class: "strong" }, line), advice ? h("p", {}, advice) : null),
    again ? h("button", { class: "button", onclick: again }, "Try again") : null);
}

export function empty(title, text, ...more) {
  return h("div", { class: "empty" }, h("h2", {}, title), h("p", {}, text), more);
}

export function skeleton(lines = 6) {
  return h(
    "div", {
      class: "skeleton", role: "status", "aria-label": "Loading",
    }, Array.from({ length: lines }, () => h("div")),
  );
}

/** Shows bones while asking, then what `draw` makes of the answer, or the trouble with a way to try again. */
export async function loaded(host, ask, draw, lines = 6) {
  put(host, skeleton(lines));
  try {
    const answer = await ask();
    if (host.isConnected || !host.parentNode) put(host, draw(answer));
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.kind === "key") throw error;
    put(host, trouble(error, () => loaded(host, ask, draw, lines).catch(raise)));
  }
}

export function raise(error) {
  dispatchEvent(new CustomEvent("trouble", { detail: error }));
}
