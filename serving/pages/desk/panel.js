// What stands beside the photos: the facts of the item, the conditions with their probabilities, the dispositions
// with what they recover, the rubric and the history.

import * as asks from "./asks.js";
import { address } from "./call.js";
import { $, el } from "./dom.js";
import { conditionsOf } from "./entered.js";
import { identityNode } from "./identity.js";
import { checklist, countOf, piecesNode, tallyOf } from "./pieces.js";
import { basisWords, chosen, examinedWords, named, percent, money, t } from "./words.js";

/** Write all of a card down. */
export function draw(card, { onCondition, onAction, onCount }) {
  facts(card);
  pieces(card, onCount);
  asks.offer(card);
  conditions(card, onCondition);
  actions(card, onAction);
  rubric(card);
  history(card);
  examined(card);
  $("note").value = card.draft.note;
}

/** The longest two units of a number of seconds. */
export function age(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("desk.age_minutes", { minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return t("desk.age_hours", { hours, minutes: minutes % 60 });
  return t("desk.age_days", { days: Math.floor(hours / 24), hours: hours % 24 });
}

function facts(card) {
  const { inspection, task } = card;
  const { item, category } = inspection;
  $("rma").textContent = item.rma;
  $("blind").hidden = !task.blind;
  $("blind").textContent = t("desk.blind");
  const known = [
    ["category", category && named("category", category.name)],
    ["seller", item.seller], ["sku", item.sku], ["station", item.station],
    ["value", item.declared_value && money(item.declared_value)],
    ["came_in", t("desk.ago", { age: age(inspection.age_seconds) })],
    ...Object.entries(item.answers ?? {}).map(([name, said]) => [null, typeof said === "string" ? said : JSON.stringify(said), name]),
  ];
  $("facts").replaceChildren(...known.filter(([, value]) => value).map(([key, value, name]) =>
    el("div", {}, el("dt", {}, name ?? t(`desk.${key}`)), el("dd", { title: value }, value))));
  const why = task.blind ? [t("desk.blind_why")] : [...asks.lines(card), ...inspection.reasons];
  $("why").replaceChildren(...why.map((reason) => el("li", {}, reason)));
  $("identity").replaceChildren(...[identityNode(inspection.identity)].filter(Boolean));
  $("why").hidden = $("why").children.length === 0;
}

/** What is there, to be ticked off; in a blind check, to be read. */
function pieces({ inspection, task, draft }, onCount) {
  const { pieces: found } = inspection;
  if (!found || task.blind) return $("pieces").replaceChildren(...[piecesNode(found)].filter(Boolean));
  const tally = tallyOf(found, draft.pieces);
  if (draft.pieces) onCount(draft.pieces); // entered before, and not what the service reckoned with
  $("pieces").replaceChildren(checklist(found, tally, { onChange: () => onCount(countOf(tally)), folded: true }));
}

function conditions(card, onCondition) {
  const { grade } = card.inspection;
  $("confidence").textContent = grade ? t(grade.needed === null ? "desk.confidence" : "desk.confidence_needed",
    { confidence: percent(grade.confidence), needed: percent(grade.needed ?? 0) }) : "";
  $("condition-rows").replaceChildren(...conditionsOf(card).map((condition, index) => {
    const share = grade?.probabilities[condition];
    const top = grade?.condition === condition;
    const fill = el("span", { class: `fill ${condition}` });
    fill.style.width = `${(share ?? 0) * 100}%`;
    const needed = top && grade.needed !== null ? el("span", { class: "needed" }) : null;
    if (needed) needed.style.left = `${grade.needed * 100}%`;
    return el("label", { class: `choice condition-choice${top ? " top" : ""}` },
      el("input", { type: "radio", name: "condition", value: condition, checked: card.draft.condition === condition, onchange: () => onCondition(condition) }),
      el("kbd", { "aria-hidden": "true" }, String(index + 1)),
      el("span", { class: "name" }, named("condition", condition)),
      grade ? el("span", { class: "track", "aria-hidden": "true" }, fill, needed) : null,
      grade ? el("span", { class: "figure" }, percent(share)) : null,
      top ? el("span", { class: "unseen" }, t("desk.models_choice")) : null);
  }));
}

/** The disposition for what is chosen so far: the policy's for the reviewer's condition, else for the model's view. */
export const disposition = (card) => card.dispositions?.[card.draft.condition ?? ""] ?? null;

export function actions(card, onAction) {
  const offered = disposition(card);
  $("actions").hidden = !offered;
  if (!offered) return;
  const options = [offered, ...offered.alternatives];
  const action = card.draft.action ?? offered.action;
  const most = Math.max(...options.map((option) => Math.abs(option.expected_recovery.amount)), 0.01);
  $("action-rows").replaceChildren(...options.map((option, index) => {
    const { amount } = option.expected_recovery;
    const fill = el("span", { class: `fill ${amount < 0 ? "loss" : index ? "other" : "best"}` });
    fill.style.width = `${(Math.abs(amount) / most) * 100}%`;
    return el("label", { class: "choice action-choice" },
      el("input", { type: "radio", name: "action", value: option.action, checked: option.action === action, onchange: () => onAction(option.action) }),
      el("span", { class: "name" }, named("action", option.action)),
      el("span", { class: "track", "aria-hidden": "true" }, fill),
      el("span", { class: "figure" }, money(option.expected_recovery)));
  }));
  $("reasons").replaceChildren(...offered.reasons.map((reason) => el("li", {}, reason)));
}

function examined({ inspection, task }) {
  const words = [basisWords(inspection.based_on), examinedWords(inspection.examined, inspection.defects.map(({ type }) => type))];
  $("basis").textContent = task.blind ? "" : words[0];
  $("examined").textContent = task.blind ? "" : words[1];
}

/** Mark the condition chosen, in the form and in the rubric. */
export function choose(card) {
  for (const input of $("condition-rows").querySelectorAll("input")) input.checked = input.value === card.draft.condition;
  for (const part of $("rubric-text").querySelectorAll("[data-condition]")) {
    part.classList.toggle("chosen", part.dataset.condition === card.draft.condition);
  }
}

function rubric(card) {
  const { rubric: found, draft } = card;
  $("rubric").hidden = !found;
  if (!found) return;
  $("rubric-label").textContent = found.label;
  const parts = conditionsOf(card).filter((condition) => found.conditions[condition]).map((condition, index) => {
    const { text, examples, grade } = found.conditions[condition];
    return el("div", { class: `rule${draft.condition === condition ? " chosen" : ""}`, "data-condition": condition },
      el("h3", { class: `condition ${condition}` }, el("kbd", { "aria-hidden": "true" }, String(index + 1)), ` ${named("condition", condition)}`, grade ? el("span", { class: "tag" }, grade) : null),
      el("div", { class: "rule-text" }, el("p", {}, text), examples.length ? el("div", { class: "examples" }, ...examples.map((name) =>
        el("img", { src: address(`rubric/examples/${encodeURIComponent(name)}`), alt: t("desk.example", { condition: named("condition", condition) }), loading: "lazy" }))) : null));
  });
  const more = found.clarifications.length ? el("details", {}, el("summary", {}, t("desk.clarifications")),
    el("ul", { class: "reasons" }, ...found.clarifications.map((line) => el("li", {}, line)))) : null;
  $("rubric-text").replaceChildren(...parts, ...(more ? [more] : []));
}

/** The page of an item with all that is known of it. */
export const itemPage = (inspection) => `${document.body.dataset.root}/desk/items/${encodeURIComponent(inspection.id)}`;

function history({ inspection, history: entries }) {
  $("history").hidden = entries.length === 0;
  $("rma").href = $("item-link").href = itemPage(inspection);
  const time = new Intl.DateTimeFormat(chosen(), { dateStyle: "short", timeStyle: "short" });
  $("history-list").replaceChildren(...entries.map((entry) =>
    el("li", { class: entry.undone ? "undone" : "" }, el("time", { datetime: entry.at }, time.format(new Date(entry.at))), " ",
      el("strong", {}, entry.who), " ", said(entry), entry.note ? el("q", {}, entry.note) : null)));
}

function said(entry) {
  if (!entry.condition) return t(`desk.did_${entry.action}`);
  const words = t("desk.did_decide", { condition: named("condition", entry.condition), action: entry.disposition ? named("action", entry.disposition) : "–" });
  return entry.undone ? `${words} (${t("desk.undone")})` : words;
}
