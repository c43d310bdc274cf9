// What is on show: an item with what is being entered of it, or why there is none.

import * as boxes from "./boxes.js";
import { left } from "./cards.js";
import { $ } from "./dom.js";
import * as drafts from "./drafts.js";
import { isNothing } from "./entered.js";
import * as holding from "./holding.js";
import * as panel from "./panel.js";
import { t } from "./words.js";
import * as viewer from "./viewer.js";

const WRITE_MS = 300; // what is entered is kept in the browser at most so much later
let shown = null;
let since = 0;
let empty = ""; // why nothing is on show
let writing = null;
let choices = {};
let others = 0; // blind checks that only another reviewer may do

/** `{ onCondition(condition), onAction(action) }` are called when one is picked. */
export const onChoice = (called) => (choices = called);
/** The item on show, while it is held. What is held may not be on show yet: its photos are on their way. */
export const item = () => (shown !== null && shown === holding.now() ? shown : null);
/** Why nothing is on show: "loading", "nothing", "unreachable", "paused", "elsewhere"; empty where something is. */
export const missing = () => empty;

export function show(one) {
  $("empty").hidden = true;
  $("work").hidden = false;
  empty = "";
  shown = one;
  since = performance.now();
  panel.draw(one, choices);
  viewer.show(one, one.draft.photo);
  boxes.load(one.inspection.defects, one.draft.defects, one.rubric?.defects ?? []);
  $("fault").textContent = "";
  $("because").open = false;
  $("restored").hidden = !one.restored;
  showLease();
  for (const part of document.querySelectorAll(".side, .decision")) part.scrollTop = 0;
  document.body.dataset.item = one.inspection.id;
  if (document.body.dataset.ahead === one.inspection.id) delete document.body.dataset.ahead;
  const told = [one.inspection.item.rma, one.task.blind && t("desk.blind"), one.restored && t("desk.restored")];
  $("live").textContent = told.filter(Boolean).join(" ");
}

export function showEmpty(state) {
  empty = state;
  shown = null;
  $("work").hidden = true;
  $("empty").hidden = false;
  $("empty-title").textContent = t(`desk.${state}`);
  $("empty-text").textContent = t(`desk.${state}_text`) + (state === "nothing" && others ? ` ${t("desk.nothing_others", { count: others })}` : "");
  $("again").hidden = ["loading", "elsewhere"].includes(state);
  $("take-over").hidden = state !== "elsewhere";
  document.body.dataset.item = "";
  viewer.clear();
}

/** In another language, as it is. */
export function showAnew() {
  if (item()) show(shown);
  else if (empty) showEmpty(empty);
}

export function showQueue(queue) {
  $("left").textContent = t("desk.left", { count: queue.waiting });
  ({ others } = queue);
}

export function showLease() {
  if (!item()) return;
  const seconds = Math.max(0, Math.round(left(shown)));
  $("lease").textContent = t("desk.lease", { time: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` });
  $("lease").classList.toggle("soon", seconds < 60);
}

export function say(message, kind = "") {
  $("alert").textContent = message;
  $("alert").dataset.kind = kind;
  $("alert").hidden = !message;
}

/** Keep what was entered, so that an item that comes back comes back as it was left. */
export function keep() {
  if (!item()) return;
  const now = performance.now();
  shown.draft.note = $("note").value;
  shown.draft.defects = boxes.save();
  shown.draft.photo = viewer.photoIndex();
  shown.seconds += (now - since) / 1000;
  since = now;
  holding.remember(shown);
}

/** Something was entered: it is kept soon. */
export function entered() {
  writing ??= setTimeout(() => {
    writing = null;
    keep();
  }, WRITE_MS);
}

/** Whether what was entered would be lost if the page were left now. */
export function unkept() {
  keep();
  return item() !== null && !isNothing(shown.draft) && !drafts.lasts(shown.task.id);
}
