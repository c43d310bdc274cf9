// What this reviewer holds: the item on show, the one claimed ahead of it, and the decisions on their way.
//
// Calls that claim, decide, undo and release go one after another, so that the service never sees an answer overtake
// the question before it; the reviewer waits for none of them.

import { call, Refusal } from "./call.js";
import { card, held, left } from "./cards.js";

const AHEAD = 1;
const IDLE_MS = 180_000; // whoever has not touched the page for this long may lose the item
const RETRY_MS = [500, 2000, 5000];

let current = null;
let ahead = [];
let line = Promise.resolve();
let filling = null;
let active = performance.now();
let wanted = {};
let skipped = []; // tasks that this reviewer does not want again
let announce = () => {};
let unsaved = 0;

export const onNews = (listener) => (announce = listener);
export const now = () => current;
export const pending = () => unsaved;
export const touch = () => (active = performance.now());
/** Whether somebody is at the page. */
export const attended = () => performance.now() - active < IDLE_MS;

const inLine = (work) => (line = line.then(work, work));

/** A call after which other items are held than before. What was to be claimed before it is claimed after it. */
function change(work) {
  unsaved += 1;
  filling = null;
  const done = inLine(work);
  const over = () => (unsaved -= 1);
  line = done.then(over, over);
  return done;
}
const name = (one) => ({ inspection_id: one.inspection.id, lease: one.lease.token });
const under = (one) => ({ task: one.task.id, lease: one.lease.token });
const all = () => [current, ...ahead].filter(Boolean);

/** `filters` as the address has them; `inspection_id` among them is the item to begin with. */
export function begin(filters) {
  wanted = filters;
}

/** Claim ahead until enough is held. Resolves once the service has answered; throws `Refusal`. */
export function fill() {
  if (filling) return filling;
  const mine = inLine(async () => {
    while (unsaved === 0 && ahead.length < (current ? AHEAD : AHEAD + 1)) {
      const { inspection_id, ...others } = wanted;
      const answer = await call("claim", { filters: wanted, holding: all().map(name), skipped });
      wanted = others;
      announce("queue", answer.queue);
      if (!answer.card) {
        if (inspection_id) continue; // gone or held by somebody: on with the rest
        break;
      }
      const known = all().find((one) => one.task.id === answer.card.task.id);
      if (known) {
        known.lease = held(answer.card.lease);
        break;
      }
      const one = card(answer.card);
      ahead.push(one);
      one.ready.then(() => announce("ready", one));
    }
  });
  const over = () => (filling = filling === mine ? null : filling);
  mine.then(over, over);
  filling = mine;
  return mine;
}

/** Take the next item in hand; null where none has been claimed yet. */
export function next() {
  current = ahead.shift() ?? null;
  return current;
}

/** Send a decision, again while the network fails. Tells `announce("decided" | "lost" | "failed", one, …)`. */
export function decide(one, verdict) {
  return change(async () => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = await call(`items/${one.inspection.id}/decide`, { lease: one.lease.token, ...verdict });
        return announce("decided", one, answer);
      } catch (refusal) {
        if (!(refusal instanceof Refusal)) throw refusal;
        const again = refusal.status === 0 || refusal.status >= 500;
        if (!again || attempt >= RETRY_MS.length) return announce(refusal.status === 409 ? "lost" : "failed", one, refusal);
        announce("retrying", one);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS[attempt]));
      }
    }
  });
}

/** Put an item back in hand, the one on show behind it. */
export function putBack(one) {
  if (current) ahead.unshift(current);
  current = one;
}

/** Take back a decision: the item is then held again, and becomes the one on show. */
export function undo(one) {
  return change(async () => {
    const answer = await call(`items/${one.inspection.id}/undo`, {});
    // What was entered is still there to be corrected; the pictures are still decoded.
    const again = { ...one, ...answer.card, lease: held(answer.card.lease) };
    putBack(again);
    ahead = ahead.slice(0, AHEAD); // the service has let go of what is more than it lets one hold
    return again;
  });
}

/** Let go of the item on show. */
export function skip() {
  const one = current;
  current = null;
  skipped = [...skipped, one.task.id].slice(-200);
  return change(() => call(`tasks/${one.task.id}/release`, {}));
}

/** Drop what is no longer ours. */
export function drop(one) {
  if (current === one) current = null;
  ahead = ahead.filter((other) => other !== one);
}

/** Once a second: renew what is held while somebody works, and tell what has run out. */
export function tick() {
  for (const one of all()) {
    if (left(one) <= 0) {
      drop(one);
      announce("expired", one);
    }
  }
  if (!attended()) return;
  for (const one of all()) {
    if (!one.renewing && left(one) < one.lease.seconds * 0.6) renew(one);
  }
}

function renew(one) {
  one.renewing = true;
  inLine(() => call(`items/${one.inspection.id}/renew`, under(one))).then((answer) => {
    one.lease = held(answer.lease);
  }, (refusal) => {
    if (refusal.status === 409) {
      drop(one);
      announce("expired", one);
    }
  }).finally(() => (one.renewing = false));
}

/** The same items in another language. */
export async function translate() {
  for (const one of all()) {
    const { inspection, dispositions, rubric, history } = await call(`items/${one.inspection.id}`);
    Object.assign(one, { inspection, dispositions, rubric, history });
  }
}

/** When the page goes: let go of everything at once. */
export function letGo(csrf, addressOf) {
  for (const one of all()) {
    const options = { method: "POST", keepalive: true, headers: { "X-CSRF-Token": csrf } };
    fetch(addressOf(`tasks/${one.task.id}/release`), options).catch(() => {});
  }
}
