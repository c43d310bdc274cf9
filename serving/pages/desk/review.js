// The review: one item after the other, worked off by keyboard, mouse or finger.

import * as boxes from "./boxes.js";
import { address } from "./call.js";
import { left } from "./cards.js";
import { $ } from "./dom.js";
import * as holding from "./holding.js";
import { wireKeys } from "./keys.js";
import * as panel from "./panel.js";
import { handedOver, token } from "./session.js";
import * as tabs from "./tabs.js";
import * as viewer from "./viewer.js";
import { chosen, named, t, use } from "./words.js";

const { strings, root, undoSeconds } = document.body.dataset;
let catalogues = {};
let shownAt = 0;
let last = null; // the last decision, while it can be taken back: { card, until, sent }
let waiting = "";
let others = 0; // blind checks that only another reviewer may do

// Showing

function show(one) {
  $("empty").hidden = true;
  $("work").hidden = false;
  waiting = "";
  shownAt = performance.now();
  panel.draw(one, { onCondition: choose, onAction: chooseAction });
  viewer.show(one, one.draft.photo);
  boxes.load(one.inspection.defects, one.draft.defects, one.rubric?.defects ?? []);
  $("fault").textContent = "";
  $("because").open = false;
  showLease();
  for (const part of document.querySelectorAll(".side, .decision")) part.scrollTop = 0;
  document.body.dataset.item = one.inspection.id;
  if (document.body.dataset.ahead === one.inspection.id) delete document.body.dataset.ahead;
  $("live").textContent = [one.inspection.item.rma, one.task.blind ? t("desk.blind") : ""].join(" ");
}

/** Keep what was entered, so that an item that comes back comes back as it was left. */
function keep(one) {
  one.draft.note = $("note").value;
  one.draft.defects = boxes.save();
  one.draft.photo = viewer.photoIndex();
  one.seconds += (performance.now() - shownAt) / 1000;
}

function showEmpty(state) {
  waiting = state;
  $("work").hidden = true;
  $("empty").hidden = false;
  $("empty-title").textContent = t(`desk.${state}`);
  $("empty-text").textContent = t(`desk.${state}_text`) + (state === "nothing" && others ? ` ${t("desk.nothing_others", { count: others })}` : "");
  $("again").hidden = ["loading", "elsewhere"].includes(state);
  $("take-over").hidden = state !== "elsewhere";
  document.body.dataset.item = "";
  viewer.clear();
}

function say(message, kind = "") {
  $("alert").textContent = message;
  $("alert").dataset.kind = kind;
  $("alert").hidden = !message;
}

/** Go on to what is held, or wait for what the service gives. `pressed` is when the key was (ms of this page). */
async function advance(pressed) {
  const one = holding.next();
  if (one) {
    show(one);
    if (pressed !== undefined) measure(pressed, one.loaded);
    holding.fill().catch(refused);
    return;
  }
  showEmpty("loading");
  try {
    await holding.fill();
  } catch (refusal) {
    showEmpty("unreachable");
    refused(refusal);
    return;
  }
  const found = holding.next();
  if (!found) showEmpty("nothing");
  else {
    await found.ready;
    if (holding.now() === found) {
      show(found);
      if (pressed !== undefined) measure(pressed, false);
    }
    holding.fill().catch(refused);
  }
}

/** From a key press until the next item has been painted; `detail` says whether its photos had been loaded before. */
function measure(pressed, loaded) {
  requestAnimationFrame(() => setTimeout(() =>
    performance.measure("desk.next", { start: pressed, end: performance.now(), detail: { loaded } })));
}

function refused(refusal) {
  say(refusal.status === 0 ? t("desk.offline") : refusal.message || t("desk.failed", { status: refusal.status }));
}

// Deciding

function choose(condition) {
  const one = holding.now();
  if (!one) return;
  one.draft.condition = condition;
  one.draft.action = null; // each condition has a best disposition of its own
  $("fault").textContent = "";
  panel.choose(one);
  panel.actions(one, chooseAction);
}

function chooseAction(action) {
  holding.now().draft.action = action;
}

function cycleAction() {
  const offered = panel.disposition(holding.now());
  if (!offered) return;
  const legal = [offered, ...offered.alternatives].map((option) => option.action);
  const at = legal.indexOf(holding.now().draft.action ?? offered.action);
  chooseAction(legal[(at + 1) % legal.length]);
  panel.actions(holding.now(), chooseAction);
  $("live").textContent = named("action", holding.now().draft.action);
}

function submit(pressed = performance.now()) {
  const one = holding.now();
  if (!one) return;
  if (!one.draft.condition) {
    $("fault").textContent = t("desk.choose_condition");
    return;
  }
  keep(one);
  say("");
  const offered = panel.disposition(one);
  const { condition, action, note } = one.draft;
  const verdict = {
    condition,
    disposition: offered && action && action !== offered.action ? action : null,
    // In a blind check nothing was shown to be left as it is: an empty list says that the reviewer saw none.
    defects: one.task.blind ? boxes.all() : boxes.answer(),
    note: note.trim() || null,
    seconds: Math.round(one.seconds * 10) / 10,
  };
  if (document.activeElement === $("note")) $("note").blur();
  last = { card: one, until: performance.now() + undoSeconds * 1000, sent: holding.decide(one, verdict) };
  showUndo();
  advance(pressed);
}

async function undo() {
  if (!last || performance.now() > last.until) return;
  const { card, sent } = last;
  last = null;
  showUndo();
  if (holding.underway()) say(t("desk.undo_waits"), "retrying");
  await sent;
  if (holding.now()) keep(holding.now());
  try {
    show(await holding.undo(card));
  } catch (refusal) {
    refused(refusal);
  }
}

function skip() {
  if (!holding.now()) return;
  say("");
  holding.skip().catch(() => {}); // a lease that was lost is let go of already
  advance(performance.now());
}

// What comes back from the service

function news(kind, one, more) {
  if (kind === "queue") {
    $("left").textContent = t("desk.left", { count: one.waiting });
    ({ others } = one);
  } else if (kind === "ready") {
    if (one !== holding.now()) document.body.dataset.ahead = one.inspection.id;
  } else if (kind === "decided") {
    document.body.dataset.decided = String(Number(document.body.dataset.decided ?? 0) + 1);
    if (last?.card === one) last.until = performance.now() + more.undo_seconds * 1000;
    if ($("alert").dataset.kind === "retrying" && !holding.underway()) say("");
  } else if (kind === "retrying") {
    const count = holding.underway();
    say(count > 1 ? t("desk.unsaved", { count }) : t("desk.retrying", { rma: one.inspection.item.rma }), "retrying");
  } else if (kind === "leaving") {
    keep(one);
    holding.remember(one);
  } else if (kind === "expired") {
    say(t("desk.expired", { rma: one.inspection.item.rma }));
    if (holding.now() || waiting !== "") return;
    // Nothing is claimed for somebody who has gone away.
    if (holding.attended()) advance();
    else showEmpty("paused");
  } else {
    if (last?.card.task.id === one.task.id) last = null;
    showUndo();
    if (kind === "lost") return say(t("desk.lost", { rma: one.inspection.item.rma }));
    // Refused for what was entered, it comes back to be corrected; its hold lost, to be sent once more.
    if (holding.now()) keep(holding.now());
    holding.putBack(one);
    show(one);
    if (kind === "returned") say(t("desk.again_yours", { rma: one.inspection.item.rma }));
    else refused(more);
  }
}

function showLease() {
  const one = holding.now();
  if (!one) return;
  const seconds = Math.max(0, Math.round(left(one)));
  $("lease").textContent = t("desk.lease", { time: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` });
  $("lease").classList.toggle("soon", seconds < 60);
}

function showUndo() {
  const seconds = last ? Math.ceil((last.until - performance.now()) / 1000) : 0;
  if (seconds <= 0) last = null;
  $("undo").hidden = !last;
  if (!last) return;
  const { inspection, draft } = last.card;
  const words = t("desk.decided", { rma: inspection.item.rma, condition: named("condition", draft.condition) });
  if ($("undo-text").textContent !== words) $("undo-text").textContent = words;
  $("undo-item").href = panel.itemPage(inspection);
  $("undo-left").textContent = t("desk.seconds", { seconds });
}

function tick() {
  holding.tick();
  showLease();
  showUndo();
}

// Tabs

function handOver() {
  if (holding.now()) keep(holding.now());
  const drafts = holding.hand();
  say("");
  showEmpty("elsewhere");
  return drafts;
}

async function takeOver() {
  holding.adopt(await tabs.takeOver());
  await advance();
}

// Language

function speak(code) {
  use(catalogues, code);
  for (const node of document.querySelectorAll("[data-title]")) node.title = t(node.dataset.title);
}

async function switchLanguage(event) {
  event.preventDefault();
  const { value } = event.submitter;
  const body = new URLSearchParams({ language: value, next: "/desk" });
  await fetch(`${root}/desk/language`, { method: "POST", body, redirect: "manual" }).catch(() => {});
  speak(value);
  const one = holding.now();
  if (one) keep(one);
  await holding.translate().catch(refused);
  if (holding.now() && holding.now() === one) show(one);
  else if (waiting) showEmpty(waiting);
  showUndo();
}

// Wiring

function help() {
  if ($("help").open) $("help").close();
  else $("help").showModal();
}

catalogues = await (await fetch(strings)).json();
speak(document.documentElement.lang in catalogues ? document.documentElement.lang : chosen());
holding.onNews(news);
viewer.wire(boxes.taken);
boxes.wire();
boxes.onChange(() => {});
wireKeys({ choose, cycleAction, submit, undo, skip, help });
$("decision").addEventListener("submit", (event) => { event.preventDefault(); submit(event.timeStamp); });
$("skip").addEventListener("click", skip);
$("undo-button").addEventListener("click", undo);
$("help-open").addEventListener("click", help);
$("again").addEventListener("click", () => advance());
document.querySelector("form.languages").addEventListener("submit", switchLanguage);
for (const kind of ["keydown", "pointerdown", "wheel"]) addEventListener(kind, holding.touch, { passive: true });
addEventListener("beforeunload", (event) => holding.pending() && !handedOver() && event.preventDefault());
addEventListener("pagehide", () => holding.letGo(token(), address));
addEventListener("pageshow", (event) => event.persisted && location.reload()); // what it held has been let go of
setInterval(tick, 1000);
setInterval(() => ["nothing", "unreachable"].includes(waiting) && !document.hidden && advance(), 15_000);
addEventListener("online", () => waiting === "unreachable" && advance());
holding.begin(Object.fromEntries(new URLSearchParams(location.search)));
tabs.onTaken(handOver);
$("take-over").addEventListener("click", takeOver);
if (await tabs.begin()) await advance();
else showEmpty("elsewhere");
document.body.dataset.ready = "true";
