// Calls to the desk's own routes. The session's cookie goes along by itself; what changes something also carries the
// token that only this page has. Where the session has ended, the reviewer logs in again without leaving the page, and
// the call is made anew.

import { logInAgain, refresh, token } from "./session.js";
import { chosen } from "./words.js";

const { root } = document.body.dataset;
const PATIENCE_MS = 20_000;

export const address = (path) => `${root}/desk/api/${path}`;

/** A refusal: `status` 0 where no answer came, else the problem document's `detail` in `message`. */
export class Refusal extends Error {
  constructor(status, slug, detail) {
    super(detail);
    this.status = status;
    this.slug = slug;
  }

  /** Whether the same call may well succeed later: nothing answered, or a proxy for a service that is being started,
   *  or the service has no room to store anything now. */
  get passing() {
    return [0, 502, 503, 504, 507].includes(this.status);
  }
}

/** The answer to a GET, or to a POST of `body`. Throws `Refusal`. */
export async function call(path, body) {
  for (let attempt = 0; ; attempt += 1) {
    const refusal = await once(path, body);
    if (!(refusal instanceof Refusal)) return refusal;
    if (refusal.status === 401) await logInAgain();
    // Logged in anew in another tab: the token of before no longer counts.
    else if (refusal.slug === "cross-site" && attempt === 0) await refresh().catch(() => {});
    else throw refusal;
  }
}

async function once(path, body) {
  const options = { signal: AbortSignal.timeout(PATIENCE_MS), headers: { Accept: "application/json", "Accept-Language": chosen() } };
  if (body !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
    options.headers["X-CSRF-Token"] = token();
  }
  let response;
  let answer;
  try {
    response = await fetch(address(path), options);
    answer = response.status === 204 ? null : await response.json().catch(() => null);
  } catch {
    return new Refusal(0, "offline", "");
  }
  if (response.ok) return answer;
  return new Refusal(response.status, (answer?.type ?? "").split(":").pop(), answer?.detail ?? "");
}
