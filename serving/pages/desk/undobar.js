// The bar that offers to take back the last decision, for as long as that can be done.

import { $ } from "./dom.js";
import { itemPage } from "./panel.js";
import { named, t } from "./words.js";

const UNDO_SECONDS = Number(document.body.dataset.undoSeconds);
let last = null; // { card, until, sent }

const inSeconds = (seconds) => performance.now() + seconds * 1000;

/** Offer to take back the decision on `card`; `sent` is settled once the service has it. */
export function offer(card, sent) {
  last = { card, until: inSeconds(UNDO_SECONDS), sent };
  draw();
}

/** The service has taken the decision: it says for how many seconds it can be taken back. */
export function lasts(card, seconds) {
  if (last?.card === card) last.until = inSeconds(seconds);
}

/** The decision was not taken after all. */
export function withdraw(card) {
  if (last?.card.task.id === card.task.id) last = null;
  draw();
}

/** What is to be taken back as { card, sent }, offered no longer; null where nothing is. */
export function take() {
  const taken = last && performance.now() <= last.until ? last : null;
  last = null;
  draw();
  return taken;
}

export function draw() {
  const seconds = last ? Math.ceil((last.until - performance.now()) / 1000) : 0;
  if (seconds <= 0) last = null;
  $("undo").hidden = !last;
  if (!last) return;
  const { inspection, draft } = last.card;
  const { asked } = last.card;
  const words = asked ? t(`desk.sent_${asked}`, { rma: inspection.item.rma })
    : t("desk.decided", { rma: inspection.item.rma, condition: named("condition", draft.condition) });
  // Written only when it changes: a status is read out each time.
  if ($("undo-text").textContent !== words) $("undo-text").textContent = words;
  $("undo-item").href = itemPage(inspection);
  $("undo-left").textContent = t("desk.seconds", { seconds });
}
