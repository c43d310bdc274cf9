// Items on their way: each is kept in this browser before it is sent, and sent in order, with one idempotency key however
// often that takes. So an answer that was lost, a network that is gone and a page that goes down lose and double nothing.

import { benchDecides, decidesFirst } from "./bench.js";
import { sendPhotos as mendBy } from "./mend.js";
import { isKept, send } from "./send.js";
import { boundName } from "./settings.js";
import * as stored from "./stored.js";
import * as uploads from "./uploads.js";
import { chosen } from "./words.js";

const { api } = document.body.dataset;
const FIRST_MS = 5_000;
const LONGEST_MS = 60_000;
const MOST_DONE = 30;

/** In order: { seq, key, body, photos: ids, mended, filled, at, keyId, state: "waits" | "done" | "refused", result, answer }. */
let entries = [];
let keyOf = () => null;
let changed = () => {};
let answered = () => {};
let pumping = null;
let again = false;
let timer = 0;
let delay = FIRST_MS;
/** Keys of items that were never sent, though they are kept as if they had been: see `add`. */
const unsent = new Set();

/** The part of a key that says whose it is, and is no secret: what one key has sent no other may send again, for nobody
 * could tell then that it came before. */
const idOf = (key) => key?.split("_")[1] ?? null;

export const all = () => entries;
export const waiting = () => entries.filter((entry) => entry.state === "waits");
export const find = (key) => entries.find((entry) => entry.key === key);
/** Whether an item waits for another key than the one in use. */
export const isForeign = (entry) => keyOf() !== null && entry.keyId !== null && entry.keyId !== idOf(keyOf());

/**
 * Take up what is kept, unless another tab has: `mine` says so. `onChange()` is told whenever the list is another; `onAnswer(entry, answer)` of every answer to an
 * item, and of every reason why it still waits.
 */
export async function begin(mine, key, onChange, onAnswer) {
  [keyOf, changed, answered] = [key, onChange, onAnswer];
  entries = mine ? await stored.entries() : [];
  changed();
  addEventListener("online", kick);
  pump();
}

/** Put an item into the line, and begin to send. `mended` says which photos of it mend an inspection that there is,
 * `filled` which fields the catalogue filled in. */
export async function add({ key, body, photos, mended = null, filled = [] }) {
  // With nothing left to wait for it is sent at once: what has to be kept before that is kept together with it.
  const keyId = photos.every(uploads.isThere) ? idOf(keyOf()) : null;
  const entry = { key, body, photos, mended, filled, at: Date.now(), keyId, state: "waits" };
  if (keyId) unsent.add(key);
  await stored.keepEntry(entry);
  entries.push(entry);
  changed();
  kick();
  return entry;
}

export async function remove(seq) {
  const gone = entries.filter((entry) => entry.seq === seq);
  entries = entries.filter((entry) => entry.seq !== seq);
  gone.forEach(release);
  changed();
  await stored.dropEntry(seq);
  await stored.tidy();
}

/** Send no photos of an item any more, but those that are in hand. */
function release({ photos }) {
  for (const id of photos) if (!stored.inHand.has(id) && !needs(id)) uploads.cancel(id);
}

/** Whether a photo belongs to an item that still waits. */
export const needs = (id) => waiting().some((entry) => entry.photos.includes(id));

/** Try now, whatever was waited for. */
export function kick() {
  delay = FIRST_MS;
  pump();
}

async function pump() {
  clearTimeout(timer);
  if (pumping) {
    again = true;
    return;
  }
  pumping = true;
  try {
    do {
      again = false;
      await round();
    } while (again);
  } finally {
    pumping = null;
  }
}

async function round() {
  for (const entry of waiting()) {
    if (isForeign(entry)) {
      answered(entry, { status: 0, reason: "offline", foreign: true });
      continue;
    }
    const answer = await attempt(entry);
    if (!entries.includes(entry)) continue; // it was withdrawn meanwhile
    if (!answer.inspection && (isKept(answer.status) || answer.status === 401 || answer.status === 403)) {
      for (const one of waiting()) answered(one, answer);
      const wait = Number.parseInt(answer.problem?.retry_after, 10) * 1000 || 0;
      timer = setTimeout(pump, Math.min(wait, LONGEST_MS) + delay);
      delay = Math.min(delay * 2, LONGEST_MS);
      return;
    }
    delay = FIRST_MS;
    await conclude(entry, answer);
  }
}

async function attempt(entry) {
  if (!keyOf()) return { status: 401, problem: {} };
  if (navigator.onLine === false) return { status: 0, reason: "offline" };
  if (entry.mended) return mend(entry);
  for (let tries = 0; ; tries++) {
    const hashes = await sendPhotos(entry);
    if (!Array.isArray(hashes)) return hashes;
    const before = unsent.delete(entry.key) ? null : entry.keyId;
    const named = before === null && boundName() && entry.body.station !== undefined;
    if (named) delete entry.body.station; // paired since: its key says what the station is
    if (named || entry.keyId !== idOf(keyOf())) {
      entry.keyId = idOf(keyOf());
      await stored.keepEntry(entry); // before it is sent: from now on it may have been
    }
    const answer = await send(api, { body: entry.body, hashes, key: entry.key, apiKey: keyOf(), language: chosen() });
    // Nothing was stored where the service says so; only an answer that did not come leaves it open.
    if (answer.status >= 400 && answer.status < 500 && answer.status !== 408) entry.keyId = before;
    if (answer.status !== 409 || !answer.problem.missing || tries > 1) return answer;
    uploads.missing(answer.problem.missing);
  }
}

/** Send the photos of an item that were taken again, for the inspection that there is of it. */
async function mend(entry) {
  const { id, places, replace } = entry.mended;
  const found = await Promise.all(places.map((place) => stored.photo(entry.photos[place])));
  if (!found.every(Boolean)) return { status: 410, problem: {} }; // the browser has thrown them away
  entry.keyId = idOf(keyOf());
  await stored.keepEntry(entry);
  return mendBy(api, { id, files: found.map(({ file }) => file), replace }, { key: entry.key, apiKey: keyOf(), language: chosen() });
}

/** The hashes of an item's photos, all of which are there; or the answer that says why not. */
async function sendPhotos(entry) {
  for (const id of entry.photos) {
    if (uploads.known(id)) continue;
    const photo = await stored.photo(id);
    if (photo) uploads.begin({ ...photo, sent: true });
  }
  const sent = await Promise.all(entry.photos.map((id) => uploads.attempt(id)));
  const wrong = sent.findIndex((one) => !one.sha256);
  if (wrong < 0) return sent.map((one) => one.sha256);
  const { status, problem } = sent[wrong];
  if (status === 0) return { status, reason: "offline" };
  return { status, problem: { ...problem, photo: isKept(status) ? undefined : wrong } };
}

/** What a list says of a result; nothing of what the model found where the inspector is to decide first. */
function lineOf(inspection) {
  const { id, status, grade, disposition } = inspection;
  if (decidesFirst(inspection)) return { id, status, bench: true };
  return { id, status, bench: benchDecides(inspection), condition: grade?.condition, action: disposition?.action };
}

async function conclude(entry, answer) {
  const { inspection } = answer;
  entry.state = inspection ? "done" : "refused";
  if (inspection) entry.result = lineOf(inspection);
  else entry.answer = { status: answer.status, problem: answer.problem };
  // What is shown waits for no disk: were it lost, the item would be sent again under its key, and answered alike.
  const kept = stored.keepEntry(entry);
  release(entry);
  answered(entry, answer);
  await kept;
  const done = entries.filter((one) => one.state === "done");
  for (const old of done.slice(0, Math.max(0, done.length - MOST_DONE))) await remove(old.seq);
  changed();
}
