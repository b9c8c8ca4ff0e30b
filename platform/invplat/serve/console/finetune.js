// A fine-tune from the button to its end. It goes on while other pages are looked at, and its end is told anywhere.

import { begin, get, ofTenant } from "./api.js";
import { h, icon, put, say } from "./dom.js";
import { exactShare, known, seconds } from "./format.js";
import { notice, raise, trouble } from "./notices.js";
import { session } from "./session.js";

const LOOK = 900; // milliseconds between two looks, more as it takes longer
const OVER = ["done", "failed", "stopped", "lost"];
const STEPS = [
  ["queued", "Queued", "waiting for its turn"],
  ["running", "Learning", "from your sales, then judged on weeks it has not seen"],
  ["done", "Decided", "the better model serves"],
];

const PROMISE = "Learn anew from the latest data. The new model serves only if it is no worse on weeks that it has " +
  "not seen: you can’t lose by it.";
const READER = "This key may only read. A key with the right to write can begin a fine-tune.";

const current = { job: null, tenant: "", joined: false, changed: new EventTarget() };

export function panel(decided) {
  const host = h("section", { class: "panel finetune", "aria-label": "Fine-tune" });
  const draw = () => put(host, content(draw));
  const changed = () => {
    draw();
    if (current.job && OVER.includes(current.job.state)) decided();
  };
  current.changed.addEventListener("job", changed);
  draw();
  return { element: host, leave: () => current.changed.removeEventListener("job", changed) };
}

function content(draw) {
  const mine = current.tenant === session.tenant ? current.job : null;
  const busy = mine && !OVER.includes(mine.state);
  const button = h(
    "button", { class: "button main", disabled: Boolean(busy) || !session.writes, onclick: () => start() },
    busy ? "Fine-tuning …" : "Fine-tune now",
  );
  const said = h("div", {});

  async function start(anew = false) {
    button.disabled = true;
    try {
      const job = await begin(ofTenant("/finetunes"), anew ? { anew: true } : {});
      Object.assign(current, { job, tenant: session.tenant, joined: OVER.includes(job.state) });
      say(current.joined ? "Done before" : "Fine-tune begun");
      draw();
      if (!current.joined) watch(job.job, session.tenant, LOOK);
    } catch (error) {
      button.disabled = false;
      if (error.kind === "key") return raise(error);
      put(said, trouble(error));
    }
  }

  return [
    h("div", { class: "panel-top" }, h("h2", {}, "Fine-tune"), button),
    h(
      "p", { class: "note" },
      session.writes ? PROMISE : READER,
    ),
    said, mine ? progress(mine) : null,
    mine && !busy && current.joined ? h(
      "p", { class: "note" }, "This was learnt before from the same data. ",
      h("button", { class: "plain link", onclick: () => start(true) }, "Do it all the same"),
    ) : null,
  ];
}

function progress(job) {
  const at = OVER.includes(job.state) ? 2 : job.state === "running" ? 1 : 0;
  const result = resultOf(job);
  const bad = OVER.includes(job.state) && job.state !== "done";
  return h("div", { class: "progress", "data-state": job.state },
    h("ol", { class: "steps" }, STEPS.map(([name, text, note], index) =>
      h("li", {
        class: index < at || job.state === "done" ? "past" : index === at ? (bad ? "bad" : "present") : "",
        "aria-current": index === at ? "step" : null,
      },
        h(
          "span", { class: "step-dot" }, index < at || job.state === "done" ? icon("done") : null,
        ), h("b", {}, bad && index === 2 ? job.state : text), h("span", {}, note)))),
    h(
      "p", { class: "elapsed", role: "timer" },
      OVER.includes(job.state) ? `Took ${seconds(job.seconds)}` : `${seconds(job.seconds ?? 0)} so far`,
    ),
    OVER.includes(job.state) ? h(
      "p", { class: `reason end ${bad ? "bad" : "good"}`, role: "status" }, sentence(job, result),
    ) : null);
}

export function sentence(job, result = resultOf(job)) {
  if (job.state !== "done") return job.message || result?.reason || {
    stopped: "It was stopped.", lost: "Its process ended without a word: begin it again.",
  }[job.state] || "It did not succeed; what served before goes on serving.";
  if (result?.state === "failed") return `It did not succeed: ${result.reason}. What served before goes on serving.`;
  const serves = result?.serves === "candidate" ? "The new model serves now" : "What served before goes on serving";
  return `${serves}${result?.reason ? `: ${result.reason}` : ""}.${gained(job)}`;
}

function gained(job) {
  const { error_before: before, error_after: after } = resultOf(job) ?? {};
  if (!known(before) || !known(after) || before === after) return "";
  return ` Forecast error ${exactShare(before)} → ${exactShare(after)}.`;
}

const resultOf = (job) => job.results.find((one) => one.tenant === session.tenant) ?? job.results[0] ?? null;

async function watch(id, tenant, rest) {
  await new Promise((resolve) => setTimeout(resolve, rest));
  if (session.tenant !== tenant || current.job?.job !== id) return;
  let answer;
  try {
    answer = await get(`/v1/jobs/${encodeURIComponent(id)}`);
  } catch (error) {
    if (error.kind === "key") return raise(error);
    if (["missing", "forbidden"].includes(error.kind)) return notice(`${error.line} ${error.advice}`, "bad");
    return watch(id, tenant, Math.min(rest * 2, 10_000));
  }
  current.job = answer;
  if (OVER.includes(answer.state)) {
    const { serves } = resultOf(answer) ?? {};
    const better = `the new model serves.${gained(answer)}`;
    if (answer.state === "done")
      notice(`Fine-tune done: ${serves === "candidate" ? better : "what served before goes on serving."}`);
    else notice(`The fine-tune is ${answer.state}. ${sentence(answer)}`, "bad");
  } else watch(id, tenant, Math.min(rest * 1.15, 4000));
  current.changed.dispatchEvent(new Event("job"));
}
