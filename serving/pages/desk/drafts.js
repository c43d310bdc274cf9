// Drafts: what a reviewer has entered of an item and not submitted yet. They stay in this browser, so that they are
// there when the item comes back: after a link was followed, a tab closed, or the browser gone down.
//
// Every page of the desk loads this: drafts of somebody else are removed as soon as another key is logged in, and one's
// own on logging out. What is read from the browser may be anything; `sound` of entered.js says whether it can be used.

const { key } = document.body.dataset;
const ALL = "regrade.draft.";
const MINE = `${ALL}${key}.`;
const LIFE_MS = 12 * 3600_000; // as long as a session lasts on
const MOST = 40;
const LONGEST = 40_000; // letters of a single one

const here = new Map(); // what the browser does not keep, by name: it lasts as long as this page
let leaving = false;

const names = () => quietly(() => Object.keys(localStorage).filter((name) => name.startsWith(ALL)), []);
const age = (draft) => Math.abs(Date.now() - draft.at);

/** A browser may forbid its storage, or have no room left. */
function quietly(work, otherwise) {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

function remove(name) {
  here.delete(name);
  quietly(() => localStorage.removeItem(name));
}

/** A draft under its full name; null where there is none that is still good. */
function read(name) {
  const text = here.get(name) ?? quietly(() => localStorage.getItem(name), null);
  const draft = text && quietly(() => JSON.parse(text), null);
  return draft && age(draft) < LIFE_MS ? draft : null;
}

/** All that are mine, the newest first, as [name, draft]. */
function mine() {
  const found = [...new Set([...here.keys(), ...names()])].map((name) => [name, name.startsWith(MINE) && read(name)]);
  for (const [name, draft] of found) if (!draft) remove(name);
  return found.filter(([, draft]) => draft).sort(([, a], [, b]) => b.at - a.at);
}

/** Keep what was entered under a task; `entered` goes through JSON. */
export function keep(task, entered) {
  if (leaving) return;
  const name = MINE + task;
  const text = JSON.stringify({ ...entered, at: Date.now() });
  here.set(name, text);
  if (text.length > LONGEST) return;
  const put = () => quietly(() => (localStorage.setItem(name, text), true), false);
  if (!put()) {
    for (const [other] of mine()) if (other !== name) remove(other); // worth less than what is being entered now
    if (!put()) return;
  }
  here.delete(name);
  if (quietly(() => localStorage.length, 0) > MOST) for (const [old] of mine().slice(MOST)) remove(old);
}

/** What was entered under a task, or null. */
export const find = (task) => read(MINE + task);
export const drop = (task) => remove(MINE + task);

/** All drafts as [task, entered], the newest first. */
export const all = () => mine().map(([name, draft]) => [name.slice(MINE.length), draft]);

/** Whether the draft of a task outlives this page. */
export const lasts = (task) => !leaving && !here.has(MINE + task);

function forget() {
  for (const name of names()) remove(name);
  here.clear();
}

mine();
document.querySelector("form.logout").addEventListener("submit", () => (leaving = true));
// Whoever goes on working has not logged out after all: asked whether to leave, they stayed.
for (const kind of ["keydown", "pointerdown"]) addEventListener(kind, () => (leaving = false), { capture: true });
addEventListener("pagehide", () => leaving && forget());
