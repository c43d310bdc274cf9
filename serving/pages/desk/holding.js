// What this reviewer holds: the item on show, the one claimed ahead of it, and the decisions on their way.
//
// Calls that claim, decide, undo and release go one after another, so that the service never sees an answer overtake
// the question before it; the reviewer waits for none of them.

import { call, Refusal } from "./call.js";
import { card, held, left } from "./cards.js";
import * as drafts from "./drafts.js";
import { isNothing, sound } from "./entered.js";

const AHEAD = 1;
const IDLE_MS = 180_000; // whoever has not touched the page for this long may lose the item
const RETRY_MS = [500, 2000, 5000, 10_000]; // then every 10 s, as long as nothing answers
const FAULTS = 3; // answers of a service that does answer, but with a fault of its own, before the reviewer is asked

let current = null;
let ahead = [];
let line = Promise.resolve();
let filling = null;
let active = performance.now();
let wanted = {};
let skipped = []; // tasks that this reviewer does not want again
let announce = () => {};
let unsaved = 0;
let sending = 0;

export const onNews = (listener) => (announce = listener);
export const now = () => current;
export const pending = () => unsaved;
/** How many decisions are on their way. */
export const underway = () => sending;
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

/** `filters` as the address has them; `inspection_id` among them is the item to begin with, else it is the one that
 *  was left last, if it fits. */
export function begin(filters) {
  const last = drafts.all().find(([, { inspection, aside }]) => !aside && /^[\w-]{1,64}$/.test(inspection))?.[1];
  wanted = { ...(last && { inspection_id: last.inspection }), ...filters };
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
      recall(one);
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

/** Keep what was entered of an item, should it be claimed again. `aside`: it is not to come back by itself. */
export function remember(one, aside = false) {
  const { task, inspection, draft, seconds } = one;
  if (seconds >= 1 || !isNothing(draft)) drafts.keep(task.id, { inspection: inspection.id, aside, seconds, draft });
  else drafts.drop(task.id);
}

function recall(one) {
  const found = sound(drafts.find(one.task.id), one);
  if (found) Object.assign(one, found, { restored: !isNothing(found.draft) });
  else drafts.drop(one.task.id);
}

/** Send a decision, again and again while nothing answers: the service takes it once. Tells
 *  `announce("decided" | "retrying" | "returned" | "lost" | "gone" | "failed", one, …)`. */
export const decide = (one, verdict) => settle(one, "decide", verdict);

/** Send what is asked instead of a decision; likewise. */
export const ask = (one, asking) => settle(one, "ask", asking);

function settle(one, how, said) {
  sending += 1;
  return change(async () => {
    const news = await send(one, how, said).finally(() => (sending -= 1));
    announce(...news);
  });
}

/** What is to be told once the decision has been taken, or cannot be. */
async function send(one, how, said) {
  for (let attempt = 0, faults = 0; ; attempt += 1) {
    try {
      const answer = await call(`items/${one.inspection.id}/${how}`, { lease: one.lease.token, ...said });
      drafts.drop(one.task.id);
      return ["decided", one, answer];
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      if (refusal.status === 409) return await regain(one, refusal);
      if (refusal.status === 410) return gone(one, refusal);
      faults += !refusal.passing;
      if (!refusal.passing && (refusal.status < 500 || faults >= FAULTS)) return ["failed", one, refusal];
      announce("retrying", one);
      await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
    }
  }
}

/** Wait so long, or until the computer is on the network again. */
function pause(milliseconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    }
    addEventListener("online", done);
  });
}

/** The hold on an item had ended before it was decided: it is claimed again, as it was left, unless others have it. */
async function regain(one, refusal) {
  const filters = { inspection_id: one.inspection.id };
  const answer = await call("claim", { filters, holding: all().map(name), skipped: [] }).catch(() => null);
  if (answer?.card?.task.id !== one.task.id) return ["lost", one, refusal];
  return ["returned", { ...one, ...answer.card, lease: held(answer.card.lease) }];
}

/** The item was erased, and so is what was entered of it. */
function gone(one, refusal) {
  drafts.drop(one.task.id);
  drop(one);
  return ["gone", one, refusal];
}

/** Put an item back in hand, the one on show behind it. */
export function putBack(one) {
  if (current) ahead.unshift(current);
  current = one;
  ahead = ahead.slice(0, AHEAD); // the service has let go of what is more than it lets one hold
}

/** Take back a decision: the item is then held again, and becomes the one on show. */
export function undo(one) {
  return change(async () => {
    const answer = await call(`items/${one.inspection.id}/undo`, {});
    // What was entered is still there to be corrected; the pictures are still decoded.
    const again = { ...one, ...answer.card, lease: held(answer.card.lease), asked: null };
    putBack(again);
    return again;
  });
}

/** Let go of the item on show. */
export function skip() {
  const one = current;
  remember(one, true);
  current = null;
  skipped = [...skipped, one.task.id].slice(-200);
  return change(() => call(`tasks/${one.task.id}/release`, { lease: one.lease.token }));
}

/** Drop what is no longer ours. */
export function drop(one) {
  if (current === one) current = null;
  ahead = ahead.filter((other) => other !== one);
}

/** Once a second: renew what is held while somebody works, and tell what has run out. */
export function tick() {
  for (const one of all()) {
    if (left(one) <= 0) expire(one);
  }
  if (!attended()) return;
  for (const one of all()) {
    if (!one.renewing && left(one) < one.lease.seconds * 0.6) renew(one);
  }
}

function expire(one) {
  if (one === current) announce("leaving", one);
  drop(one);
  announce("expired", one);
}

function renew(one) {
  one.renewing = true;
  inLine(() => call(`items/${one.inspection.id}/renew`, under(one))).then((answer) => {
    one.lease = held(answer.lease);
  }, (refusal) => {
    if (refusal.status === 409) expire(one);
    if (refusal.status === 410) announce(...gone(one, refusal));
  }).finally(() => (one.renewing = false));
}

/** The same items in another language. */
export async function translate() {
  for (const one of all()) {
    const { inspection, dispositions, rubric, history, asks, views } = await call(`items/${one.inspection.id}`);
    Object.assign(one, { inspection, dispositions, rubric, history, asks, views });
  }
}

/** Hold nothing any more, and return what was entered; another tab has taken over. */
export function hand() {
  for (const one of all()) remember(one);
  current = null;
  ahead = [];
  return drafts.all();
}

/** Take over what was entered in another tab. */
export const adopt = (given) => given.forEach(([task, entered]) => drafts.keep(task, entered));

/** When the page goes: let go of everything at once. What has been claimed anew elsewhere since stays there. */
export function letGo(csrf, addressOf) {
  for (const one of all()) {
    const headers = { "X-CSRF-Token": csrf, "Content-Type": "application/json" };
    const options = { method: "POST", keepalive: true, headers, body: JSON.stringify({ lease: one.lease.token }) };
    fetch(addressOf(`tasks/${one.task.id}/release`), options).catch(() => {});
  }
}
