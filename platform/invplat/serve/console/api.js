// Questions to the API, and what may come back instead of an answer, in words that say what to do.

import { session } from "./session.js";

const TRIES = 3; // of a question that only reads, where the server is away for a moment
const REST = 350; // milliseconds before the second, doubled before the third

export class Trouble extends Error {
  constructor(kind, line, advice, status = 0, wait = 0) {
    super(line);
    Object.assign(this, { kind, line, advice, status, wait });
  }
}

export const get = (path, options = {}) => asked("GET", path, options);
/** A POST that only reads: it may be sent again. */
export const read = (path, body, options = {}) => asked("POST", path, { ...options, body });
/** A POST that begins something: never sent twice by itself. */
export const begin = (path, body, options = {}) => asked("POST", path, { ...options, body, once: true });

export const ofTenant = (rest) => `/v1/tenants/${encodeURIComponent(session.tenant)}${rest}`;

async function asked(method, path, { body, signal, once = false, key = session.key }) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await answered(method, path, body, signal, key);
    } catch (trouble) {
      const passing = trouble instanceof Trouble && ["offline", "away"].includes(trouble.kind);
      if (once || !passing || attempt >= TRIES || !navigator.onLine) throw trouble;
      await rest(REST * 2 ** (attempt - 1), signal);
    }
  }
}

async function answered(method, path, body, signal, key) {
  const headers = { Accept: "application/json", Authorization: `Bearer ${key}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(
      path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) },
    );
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("offline", "The service can’t be reached.", "Check your connection; then try again.");
  }
  const said = await response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (response.ok && said !== null) return said;
  throw told(response, said ?? {});
}

function told(response, problem) {
  const status = response.status;
  const detail = problem.detail || problem.title || `The service answered ${status}.`;
  const hint = problem.hint || "";
  if (status === 401) return new Trouble(
    "key", "This key is not valid any more.", "Sign in with another key, or ask your operator for a new one.", status,
  );
  if (status === 403) return new Trouble(
    "forbidden", "This key may not do that.", hint || "Ask your operator for a key with more rights.", status,
  );
  if (status === 404) return new Trouble("missing", detail, near(problem) || hint, status);
  if (status === 429) {
    const wait = Number(response.headers.get("Retry-After")) || 1;
    return new Trouble("busy", "Many are asking right now.", `Try again in ${wait} s.`, status, wait);
  }
  if ([502, 503, 504].includes(status)) return new Trouble(
    "away", "The service is not ready.", hint || "It is likely being renewed: try again in a moment.", status,
  );
  if (status >= 500) return new Trouble(
    "broken", "Something went wrong on the server.", "Try again; if it stays, tell your operator.", status,
  );
  return new Trouble("refused", detail, fields(problem) || hint, status);
}

function near(problem) {
  return problem.near?.length ? `Did you mean ${problem.near.slice(0, 3).join(", ")}?` : "";
}

function fields(problem) {
  const first = problem.errors?.[0];
  return first ? `${(first.loc ?? []).slice(1).join(".")}: ${first.msg ?? ""}` : "";
}

function rest(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("not wanted any more", "AbortError"));
    }, { once: true });
  });
}

/** Asks again and again with the latest wish only: an answer that was overtaken is dropped. */
export class Latest {
  #running = null;

  async ask(work) {
    this.#running?.abort();
    const mine = new AbortController();
    this.#running = mine;
    try {
      const answer = await work(mine.signal);
      return mine.signal.aborted ? undefined : answer;
    } catch (error) {
      if (error.name === "AbortError" || mine.signal.aborted) return undefined;
      throw error;
    }
  }

  stop() {
    this.#running?.abort();
  }
}
