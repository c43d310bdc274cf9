// Asking instead of deciding: photos of the station, another reviewer, somebody in particular. One small dialog for all.

import { $, el } from "./dom.js";
import { named, t } from "./words.js";

export const KINDS = ["photos", "cannot_tell", "escalate"];
let asking = null; // { card, kind }
let sent = () => {};

/** Whether this can be asked of an item: at a blind look the station holds nothing. */
export const possible = (card, kind) => kind !== "photos" || !card.task.blind;

/** `onSent(card, asking)` is called with what the reviewer asks. */
export function wire(item, onSent) {
  sent = onSent;
  for (const kind of KINDS) $(`ask-${kind}`).addEventListener("click", () => open(item(), kind));
  $("ask-form").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  $("ask-cancel").addEventListener("click", () => $("ask").close());
  $("ask-note").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    send();
  });
}

/** Show which of it can be asked of the item on show. */
export function offer(card) {
  $("ask-photos").disabled = !possible(card, "photos");
}

export function open(card, kind) {
  if (!card || !possible(card, kind)) return;
  asking = { card, kind };
  $("ask-heading").textContent = t(`desk.ask_${kind}`);
  $("ask-text").textContent = t(`desk.ask_${kind}_text`);
  const views = kind === "photos" ? card.views : [];
  $("ask-views").hidden = !views.length;
  $("ask-view-list").replaceChildren(...views.map((view) =>
    el("label", {}, el("input", { type: "checkbox", name: "view", value: view.split("/").pop() }), el("span", {}, named("view", view)))));
  const people = kind === "escalate" ? card.people : [];
  $("ask-who").hidden = kind !== "escalate";
  $("ask-assignee").replaceChildren(el("option", { value: "" }, t("desk.ask_anybody")), ...people.map((name) => el("option", { value: name }, name)));
  $("ask-note").value = "";
  $("ask").showModal();
  ($("ask-view-list").querySelector("input") ?? (kind === "escalate" ? $("ask-assignee") : $("ask-note"))).focus();
}

function send() {
  const { card, kind } = asking;
  const views = [...$("ask-view-list").querySelectorAll("input:checked")].map((input) => input.value);
  const note = $("ask-note").value.trim() || null;
  const assignee = kind === "escalate" && $("ask-assignee").value ? $("ask-assignee").value : null;
  $("ask").close();
  sent(card, { ask: kind, note, views: kind === "photos" ? views : [], assignee });
}

/** What was asked of an item before, a sentence each. */
export const lines = (card) => (card.asks ?? []).filter((one) => one.ended?.how !== "undone").map((one) => said(card, one));

function said(card, one) {
  const category = card.inspection.category?.name;
  const views = one.views.map((view) => named("view", category ? `${category}/${view}` : view)).join(" ");
  const asked = t(`desk.asked_${one.kind}`, { who: one.who, assignee: one.assignee ?? t("desk.ask_anybody") });
  const answer = one.ended ? t(`desk.answered_${one.ended.how}`, { who: one.ended.who }) : "";
  return [asked, views, one.note && `“${one.note}”`, answer, one.ended?.note && `“${one.ended.note}”`].filter(Boolean).join(" ");
}
