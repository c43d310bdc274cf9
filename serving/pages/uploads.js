// Photos on their way to the service, ahead of their item: begun as soon as they are taken, gone on with where a
// connection was cut, tried again by itself, and given up when the photo is removed.

import { sha256 } from "./hash.js";

const { uploads } = document.body.dataset;
const AT_ONCE = 2;
const STALL_MS = 20_000;
const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;
const NO_PHOTO = [413, 415, 422]; // whatever is sent again

/** By the photo's id: { file, sha256, done, refused, begun, running, request, timer, delay }. */
const tasks = new Map();
const queue = [];
let active = 0;
let keyOf = () => null;
let moved = () => {};

/** Where the key comes from, and who is told of progress: `moved(id, share)`, 1 when all of it is there. */
export function use(key, listener) {
  keyOf = key;
  moved = listener;
}

/** Send a photo, in the background. `sent`: some of it may be at the service already, from before this page. */
export function begin({ id, file, sent = false }) {
  if (tasks.has(id)) return;
  tasks.set(id, { id, file, done: false, refused: null, begun: sent, running: null, delay: FIRST_MS, share: 0 });
  attempt(id);
}

/** Give a photo up. */
export function cancel(id) {
  const task = tasks.get(id);
  tasks.delete(id);
  clearTimeout(task?.timer);
  task?.request?.abort();
}

export const known = (id) => tasks.has(id);
/** Whether all of a photo is at the service. */
export const isThere = (id) => tasks.get(id)?.done === true;
export const share = (id) => tasks.get(id)?.share ?? 0;

/** Try now; the same where somebody does. Resolves with {sha256}, or with {status, problem, final}: 0 is no answer. */
export function attempt(id) {
  const task = tasks.get(id);
  if (!task) return Promise.resolve({ status: 0 });
  task.running ??= inTurn(() => send(task)).finally(() => (task.running = null));
  return task.running;
}

/** Try all again that are not there yet: there is a key now, or a network. */
export function kick() {
  for (const task of tasks.values()) if (!task.done && !task.refused) attempt(task.id);
}

/** The service has none of these photos any more. */
export function missing(hashes) {
  for (const task of tasks.values()) {
    if (hashes.includes(task.sha256)) Object.assign(task, { done: false, begun: true });
  }
}

function inTurn(work) {
  return new Promise((resolve) => {
    queue.push(() => work().then(resolve));
    next();
  });
}

function next() {
  while (active < AT_ONCE && queue.length) {
    active++;
    queue.shift()().finally(() => { active--; next(); });
  }
}

/** Never throws. */
async function send(task) {
  if (task.done) return { sha256: task.sha256 };
  if (task.refused) return task.refused;
  clearTimeout(task.timer);
  const answer = await tell(task).catch(() => ({ status: 0 }));
  if (!tasks.has(task.id) || task.done || task.refused) return answer;
  // Without a key nothing helps but a key: `kick` is called then.
  if (answer.status !== 401 && answer.status !== 403) {
    task.timer = setTimeout(attempt, answer.wait ?? task.delay, task.id);
    task.delay = Math.min(task.delay * 2, LONGEST_MS);
  }
  return answer;
}

async function tell(task) {
  if (!keyOf()) return { status: 401 };
  task.sha256 ??= await sha256(task.file);
  const total = task.file.size;
  let at = 0;
  for (let tries = 0; tries < 4 && tasks.has(task.id); tries++) {
    const answer = await (task.begun ? put(task, null, `bytes */${total}`) : { status: 202, offset: 0 });
    if (answer.status !== 202) return settle(task, answer);
    at = answer.offset;
    task.begun = true;
    const sent = await put(task, at ? task.file.slice(at) : task.file, at ? `bytes ${at}-${total - 1}/${total}` : null, at);
    const slug = (sent.problem?.type ?? "").split(":").pop();
    // What is there is not what was sent before, or not so much of it: the service says how much is right.
    if (sent.status !== 202 && slug !== "upload-gap" && slug !== "upload-hash-mismatch") return settle(task, sent);
  }
  return { status: 0 };
}

function settle(task, answer) {
  if (answer.status === 200 || answer.status === 201) {
    Object.assign(task, { done: true, delay: FIRST_MS });
    progress(task, 1);
    return { sha256: task.sha256 };
  }
  if (NO_PHOTO.includes(answer.status)) task.refused = { ...answer, final: true };
  return task.refused ?? answer;
}

function progress(task, share) {
  task.share = share;
  moved(task.id, share);
}

/** One request. XMLHttpRequest, for fetch does not tell how much has been sent. */
function put(task, body, range, at = 0) {
  return new Promise((resolve) => {
    const request = (task.request = new XMLHttpRequest());
    let stalled = 0;
    const watch = () => {
      clearTimeout(stalled);
      stalled = setTimeout(() => request.abort(), STALL_MS);
    };
    request.open("PUT", `${uploads}/${task.sha256}`);
    request.setRequestHeader("Authorization", `Bearer ${keyOf()}`);
    request.setRequestHeader("Accept-Language", document.documentElement.lang);
    if (range) request.setRequestHeader("Content-Range", range);
    request.upload.onprogress = ({ loaded }) => {
      watch();
      progress(task, Math.min(0.99, (at + loaded) / task.file.size));
    };
    request.onloadend = () => {
      clearTimeout(stalled);
      const wait = Number.parseInt(request.getResponseHeader("Retry-After"), 10);
      resolve({
        status: request.status,
        offset: Number(request.getResponseHeader("Upload-Offset") ?? 0),
        problem: request.status >= 400 ? read(request.responseText) : undefined,
        wait: wait > 0 ? Math.min(wait * 1000, LONGEST_MS) : undefined,
      });
    };
    watch();
    request.send(body);
  });
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

addEventListener("online", kick);
