// Deciding at the bench: the inspector who holds the item says what it is, by one tap or the keys 1 to 4.

import { el } from "./dom.js";
import { entered, extras, marker, tallied } from "./marks.js";
import { nowNode } from "./now.js";
import { photoViewer } from "./overlay.js";
import { checklist, countOf, piecesNode } from "./pieces.js";
import { rubricNodes } from "./rubric.js";
import { named, t } from "./words.js";

/** Whether whoever stands at the bench may decide on this inspection now. */
export const benchDecides = (inspection) => inspection.review.required && inspection.review.who === "bench";

/** Whether the model's word is to stay hidden until they have. */
export const decidesFirst = (inspection) => benchDecides(inspection) && inspection.review.first;

/** The conditions to choose from, best first, as the keys 1, 2, … choose them. */
export const choices = (inspection) => Object.keys(inspection.grade.probabilities);

/** What asks the inspector, `onDecide(condition)` with what they chose; null where nobody asks them. */
export function question(inspection, onDecide) {
  if (!benchDecides(inspection)) return null;
  const hidden = decidesFirst(inspection);
  const buttons = choices(inspection).map((condition, index) => {
    const said = !hidden && condition === inspection.grade.condition;
    return el("button", { type: "button", class: `choice ${condition}${said ? " said" : ""}`, "data-condition": condition,
      "data-said": said, onclick: () => onDecide(condition) },
    el("kbd", {}, String(index + 1)), el("span", {}, named("condition", condition)),
    said ? el("small", {}, t("station.bench_confirm")) : null);
  });
  return el("section", { class: "bench-question", "aria-label": t("station.bench_question") },
    el("h3", {}, t(hidden ? "station.bench_first" : "station.bench_question")),
    el("div", { class: "choices" }, ...buttons),
    dispositions(inspection),
    rubricNodes(inspection),
    el("p", { class: "field-error", role: "alert", id: "bench-error" }));
}

/** Another disposition than the policy's for what the inspector finds, where they want one. */
function dispositions(inspection) {
  const kept = entered(inspection);
  const offered = [inspection.disposition, ...inspection.disposition.alternatives].map((one) => one.action).sort();
  const option = (action, words) => el("option", { value: action, selected: action === kept.action }, words);
  return el("label", { class: "field bench-disposition" }, el("span", {}, t("station.bench_disposition")),
    el("select", { id: "bench-action", onchange: (event) => { kept.action = event.target.value; } },
      option("", t("station.bench_by_policy")), ...offered.map((action) => option(action, named("action", action)))));
}

/** What marks defects on the photos of an inspection on which the bench decides; null for others. */
export const benchMarks = (inspection) => (benchDecides(inspection) ? marker(inspection) : null);

/** The decision that `condition` makes, with what was entered beside it. */
export const decisionOf = (inspection, condition, seconds) => {
  const blind = decidesFirst(inspection);
  return { condition, blind, seconds: Math.round(seconds * 10) / 10, ...extras(inspection, blind) };
};

/** An item at which the inspector decides first: its photos and the question, and nothing of what the model found. */
export function unseenNodes(inspection, urls, onDecide) {
  const plain = { ...inspection, defects: [], defects_examined: null };
  return [
    nowNode(inspection, t("station.bench_decides")),
    onDecide ? question(inspection, onDecide) : null,
    photoViewer(plain, urls, onDecide ? benchMarks(inspection) : null),
  ];
}

/** What became of a decision at the bench, with `onUndo` where it can still be taken back; null where there is none. */
export function outcomeOf(inspection, onUndo) {
  const { decision } = inspection;
  if (decision?.role !== "station") return null;
  const words = decision.agreed === null ? "station.bench_done" : decision.agreed ? "station.bench_agreed" : "station.bench_differs";
  return el("p", { class: "notice done", id: "bench-done" }, el("span", {}, t(words)),
    onUndo ? el("button", { type: "button", class: "secondary", id: "bench-undo", onclick: onUndo }, t("station.bench_undo")) : null);
}

/** The pieces of an inspection, to be ticked off while nobody has decided: with the decision where the bench decides, else by
 * `onCount(pieces)`. Else to be read. Null where none are expected. */
export function piecesOf(inspection, onCount) {
  const { pieces, status, decision } = inspection;
  if (!pieces || !onCount || decision || status === "retake") return piecesNode(pieces);
  const tally = tallied(inspection);
  if (benchDecides(inspection)) return checklist(pieces, tally, { hint: t("station.pieces_with_decision"), keys: true });
  return checklist(pieces, tally, { onSave: () => onCount(countOf(tally)), keys: true });
}

/** Send a decision, or take it back where `decision` is null, or a count to `what`. Never throws: {inspection}, or {why} in
 * words. */
export async function tell(api, id, decision, apiKey, language, what = decision ? "decision" : "decision/undo") {
  const headers = { Authorization: `Bearer ${apiKey}`, "Accept-Language": language, "Content-Type": "application/json" };
  const address = `${api}/${encodeURIComponent(id)}/${what}`;
  const body = decision ? JSON.stringify(decision) : undefined;
  try {
    const response = await fetch(address, { method: "POST", headers, body, signal: AbortSignal.timeout(20_000) });
    const answer = await response.json().catch(() => null);
    if (response.ok && answer) return { inspection: answer };
    return { why: answer?.detail ?? t("station.strange_answer", { status: response.status }) };
  } catch {
    return { why: t("station.bench_offline") };
  }
}
