// Calls to the desk's own routes. The session's cookie goes along by itself; what changes something also carries the
// token that only this page has.

import { chosen } from "./words.js";

const { root, csrf } = document.body.dataset;
const PATIENCE_MS = 20_000;

export const address = (path) => `${root}/desk/api/${path}`;

/** A refusal: `status` 0 where no answer came, else the problem document's `detail` in `message`. */
export class Refusal extends Error {
  constructor(status, slug, detail) {
    super(detail);
    this.status = status;
    this.slug = slug;
  }
}

/** The answer to a GET, or to a POST of `body`. Throws `Refusal`. Without a session it goes to log in. */
export async function call(path, body) {
  const options = { signal: AbortSignal.timeout(PATIENCE_MS), headers: { Accept: "application/json", "Accept-Language": chosen() } };
  if (body !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
    options.headers["X-CSRF-Token"] = csrf;
  }
  let response;
  let answer;
  try {
    response = await fetch(address(path), options);
    answer = response.status === 204 ? null : await response.json().catch(() => null);
  } catch {
    throw new Refusal(0, "offline", "");
  }
  if (response.ok) return answer;
  throw new Refusal(response.status, (answer?.type ?? "").split(":").pop(), answer?.detail ?? "");
}
