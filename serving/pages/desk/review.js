// The review: one item after the other, worked off by keyboard, mouse or finger.

import * as asks from "./asks.js";
import * as boxes from "./boxes.js";
import { address, call } from "./call.js";
import { $ } from "./dom.js";
import * as holding from "./holding.js";
import { wireKeys } from "./keys.js";
import * as language from "./language.js";
import * as panel from "./panel.js";
import { handedOver, token } from "./session.js";
import { entered, item, keep, missing, onChoice, say, show, showAnew, showEmpty, showLease, showQueue, unkept } from "./shown.js";
import * as tabs from "./tabs.js";
import * as undobar from "./undobar.js";
import * as viewer from "./viewer.js";
import { named, t } from "./words.js";

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

/** Were the page loaded anew, the item that its address asked for would not be wanted any more. */
function clearAddress() {
  const address = new URL(location);
  address.searchParams.delete("inspection_id");
  history.replaceState(null, "", address);
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
  const one = item();
  if (!one) return;
  one.draft.condition = condition;
  one.draft.action = null; // each condition has a best disposition of its own
  $("fault").textContent = "";
  panel.choose(one);
  panel.actions(one, chooseAction);
  entered();
}

function chooseAction(action) {
  item().draft.action = action;
  entered();
}

/** Another count leads to other dispositions: the service is asked for them. */
async function counted(pieces) {
  const one = item();
  if (!one) return;
  one.draft.pieces = pieces;
  entered();
  const answer = await call(`items/${encodeURIComponent(one.inspection.id)}/dispositions`, { pieces }).catch(() => null);
  if (!answer?.dispositions || one !== item() || one.draft.pieces !== pieces) return;
  one.dispositions = answer.dispositions;
  panel.actions(one, chooseAction);
}

function cycleAction() {
  const one = item();
  const offered = one && panel.disposition(one);
  if (!offered) return;
  const legal = [offered, ...offered.alternatives].map((option) => option.action);
  const at = legal.indexOf(one.draft.action ?? offered.action);
  chooseAction(legal[(at + 1) % legal.length]);
  panel.actions(one, chooseAction);
  $("live").textContent = named("action", one.draft.action);
}

function submit(pressed = performance.now()) {
  const one = item();
  if (!one) return;
  if (!one.draft.condition) {
    $("fault").textContent = t("desk.choose_condition");
    return;
  }
  keep();
  say("");
  const offered = panel.disposition(one);
  const { condition, action, note } = one.draft;
  const verdict = {
    condition,
    disposition: offered && action && action !== offered.action ? action : null,
    // In a blind check nothing was shown to be left as it is: an empty list says that the reviewer saw none.
    defects: one.task.blind ? boxes.all() : boxes.answer(),
    note: note.trim() || null,
    pieces: one.draft.pieces,
    seconds: Math.round(one.seconds * 10) / 10,
  };
  if (document.activeElement === $("note")) $("note").blur();
  one.restored = false;
  undobar.offer(one, holding.decide(one, verdict));
  clearAddress();
  advance(pressed);
}

function ask(one, asking) {
  if (one !== item()) return;
  keep();
  say("");
  one.restored = false;
  one.asked = asking.ask;
  undobar.offer(one, holding.ask(one, asking));
  clearAddress();
  advance(performance.now());
}

async function undo() {
  const taken = undobar.take();
  if (!taken) return;
  if (holding.underway()) say(t("desk.undo_waits"), "retrying");
  await taken.sent;
  keep();
  try {
    show(await holding.undo(taken.card));
    entered();
  } catch (refusal) {
    refused(refusal);
  }
}

function skip() {
  if (!item()) return;
  say("");
  keep();
  holding.skip().catch(() => {}); // a lease that was lost is let go of already
  clearAddress();
  advance(performance.now());
}

// What comes back from the service

function news(kind, one, more) {
  if (kind === "queue") showQueue(one);
  else if (kind === "ready") {
    if (one !== holding.now()) document.body.dataset.ahead = one.inspection.id;
  } else if (kind === "decided") {
    document.body.dataset.decided = String(Number(document.body.dataset.decided ?? 0) + 1);
    undobar.lasts(one, more.undo_seconds);
    if ($("alert").dataset.kind === "retrying" && !holding.underway()) say("");
  } else if (kind === "retrying") {
    const count = holding.underway();
    say(count > 1 ? t("desk.unsaved", { count }) : t("desk.retrying", { rma: one.inspection.item.rma }), "retrying");
  } else if (kind === "leaving") keep();
  else if (kind === "expired" || kind === "gone") {
    if (kind === "gone") undobar.withdraw(one);
    say(kind === "gone" ? more.message : t("desk.expired", { rma: one.inspection.item.rma }));
    if (holding.now() || missing() !== "") return;
    // Nothing is claimed for somebody who has gone away.
    if (holding.attended()) advance();
    else showEmpty("paused");
  } else {
    undobar.withdraw(one);
    if (kind === "lost") return say(t("desk.lost", { rma: one.inspection.item.rma }));
    // Refused for what was entered, it comes back to be corrected; its hold lost, to be sent once more.
    keep();
    holding.putBack(one);
    show(one);
    if (kind === "returned") say(t("desk.again_yours", { rma: one.inspection.item.rma }));
    else refused(more);
  }
}

function tick() {
  holding.tick();
  showLease();
  undobar.draw();
}

// Tabs

function handOver() {
  keep();
  const drafts = holding.hand();
  say("");
  showEmpty("elsewhere");
  return drafts;
}

async function takeOver() {
  holding.adopt(await tabs.takeOver());
  await advance();
}

// Wiring

async function speakAnew() {
  keep();
  await holding.translate().catch(refused);
  showAnew();
  undobar.draw();
}

function help() {
  if ($("help").open) $("help").close();
  else $("help").showModal();
}

await language.begin();
language.onSwitch(speakAnew);
onChoice({ onCondition: choose, onAction: chooseAction, onCount: counted });
holding.onNews(news);
viewer.wire(boxes.taken);
boxes.wire();
boxes.onChange(entered);
$("note").addEventListener("input", entered);
asks.wire(item, ask);
wireKeys({ item, choose, cycleAction, submit, undo, skip, help, ask: (kind) => asks.open(item(), kind) });
$("decision").addEventListener("submit", (event) => { event.preventDefault(); submit(event.timeStamp); });
$("skip").addEventListener("click", skip);
$("undo-button").addEventListener("click", undo);
$("help-open").addEventListener("click", help);
$("again").addEventListener("click", () => advance());
for (const kind of ["keydown", "pointerdown", "wheel"]) addEventListener(kind, holding.touch, { passive: true });
// Whoever leaves is asked first, where something is on its way to the service or cannot be kept.
addEventListener("beforeunload", (event) => !handedOver() && (unkept() || holding.pending()) && event.preventDefault());
addEventListener("pagehide", () => {
  keep();
  holding.letGo(token(), address);
});
document.addEventListener("visibilitychange", keep); // a tablet may end a page in the background without a word
addEventListener("pageshow", (event) => event.persisted && location.reload()); // what it held has been let go of
setInterval(tick, 1000);
setInterval(() => ["nothing", "unreachable"].includes(missing()) && !document.hidden && advance(), 15_000);
addEventListener("online", () => missing() === "unreachable" && advance());
holding.begin(Object.fromEntries(new URLSearchParams(location.search)));
tabs.onTaken(handOver);
$("take-over").addEventListener("click", takeOver);
if (await tabs.begin()) await advance();
else showEmpty("elsewhere");
document.body.dataset.ready = "true";
