// An inspection, as the API answered it, drawn for the inspector.

import { benchDecides, benchMarks, decidesFirst, outcomeOf, piecesOf, question, unseenNodes } from "./bench.js";
import { el } from "./dom.js";
import { identityNode } from "./identity.js";
import { folded, nowNode, place, word } from "./now.js";
import { photoViewer } from "./overlay.js";
import { basisWords, money, named, percent, t } from "./words.js";

/** The nodes that show `inspection`; `urls` are of the photos sent, `onRetake(index)` asks for one anew, `onDecide` is
 * told what the inspector chose, `onCount` what they counted, `onUndo` takes a decision back. Where it is shown only to be
 * read, these are missing. */
export function resultNodes(inspection, urls, { onRetake, onDecide, onCount, onUndo } = {}) {
  const identity = identityNode(inspection.identity);
  if (inspection.status === "retake") return [...retakeNodes(inspection, urls, onRetake), identity];
  const pieces = inspection.erased ? null : piecesOf(inspection, onCount);
  if (decidesFirst(inspection)) return [identity, pieces, ...unseenNodes(inspection, urls, onDecide)];
  if (inspection.erased || !inspection.grade || !inspection.disposition) return [nowNode(inspection, standing(inspection))];
  const { grade, disposition, category } = inspection;
  return [
    nowNode(inspection, standing(inspection), settled(inspection)),
    identity,
    pieces,
    onUndo ? outcomeOf(inspection, onUndo) : null,
    onDecide ? question(inspection, onDecide) : null,
    block(t("station.photos_with_defects"), photoViewer(inspection, urls, onDecide ? benchMarks(inspection) : null)),
    folded(
      verdict(inspection),
      el("div", { class: "halves" },
        el("div", {},
          block(t("station.condition_heading"), probabilities(grade), categoryLine(category)),
          block(t("station.reasons"), list(disposition.reasons, "reasons"))),
        block(t("station.disposition_heading"), recoveries(disposition))),
      el("p", { class: "provenance" }, t("station.provenance", {
        id: inspection.id,
        policy: disposition.policy,
        models: Object.entries(inspection.models).map(([name, version]) => `${name} ${version}`).join(", "),
        seconds: ((inspection.timings_ms.total ?? 0) / 1000).toFixed(2),
      }))),
  ];
}

/** One sentence for a screen reader. */
export function announcement(inspection) {
  if (inspection.status === "retake") return t("station.retake_heading");
  if (decidesFirst(inspection)) return t("station.bench_first");
  if (benchDecides(inspection)) return t("station.bench_question");
  if (inspection.now?.state === "count") return inspection.pieces.words;
  return t("station.announce", { rma: inspection.item.rma, word: word(inspection), place: place(inspection) });
}

/** Why photo → what is wrong with it, of the photos that must be taken again. */
export const faultyPhotos = (inspection) =>
  new Map(inspection.photos.filter((photo) => !photo.quality.ok).map((photo) => [photo.index, advice(photo)]));

const advice = (photo) => photo.quality.issues.map((issue) => named("advice", issue)).join(" ");
const block = (heading, ...content) => el("section", { class: "block" }, el("h3", {}, heading), ...content);
const list = (texts, name) => el("ul", { class: name }, ...texts.map((text) => el("li", {}, text)));

/** The condition, where it is settled: what somebody is still asked about is none yet. */
const settled = ({ now, grade }) =>
  now?.state === "put" ? el("span", { class: "now-condition" }, named("condition", grade.condition)) : null;

/** What a result says of itself, in a word or two. */
function standing(inspection) {
  if (benchDecides(inspection)) return t("station.bench_decides");
  return t(inspection.decision?.role === "station" ? "station.bench_decided" : `station.${inspection.status}`);
}

function verdict({ grade, disposition, review }) {
  return el("div", { class: "found" },
    el("p", { class: "headline" },
      el("strong", { class: `condition ${grade.condition}` }, named("condition", grade.condition)),
      grade.name ? el("span", { class: "grade-name" }, grade.name) : null,
      el("span", { class: "share" }, percent(grade.confidence)),
      el("span", { class: "arrow", "aria-hidden": "true" }, "→"),
      el("strong", { class: "action" }, named("action", disposition.action))),
    review.required ? list(review.reasons, "review-reasons") : null);
}

function probabilities(grade) {
  const several = grade.prediction_set.length > 1;
  const rows = Object.entries(grade.probabilities).map(([condition, share]) => {
    const plausible = several && grade.prediction_set.includes(condition);
    const bar = el("span", { class: `fill ${condition}` });
    bar.style.width = `${share * 100}%`;
    bar.hidden = share === 0;
    const row = [condition === grade.condition ? "top" : "", plausible ? "plausible" : ""].join(" ").trim();
    return el("tr", { class: row },
      el("th", { scope: "row" }, named("condition", condition), plausible ? mark() : null),
      el("td", { class: "track-cell" }, el("span", { class: "track" }, bar)),
      el("td", { class: "figure" }, percent(share)));
  });
  const legend = several
    ? el("p", { class: "legend" }, mark(), " ", t("station.prediction_set_hint")) : null;
  const basis = basisWords(grade.based_on);
  return el("div", {}, el("table", { class: "bars" }, el("tbody", {}, ...rows)), legend,
    basis ? el("p", { class: "legend basis" }, basis) : null);
}

const mark = () => el("span", { class: "plausible-mark", role: "img", "aria-label": t("station.prediction_set") }, "◆");

function categoryLine(category) {
  const source = t(`station.category_${category.source}`, { share: percent(category.confidence) });
  return el("p", { class: "category-line" }, `${t("station.category")}: `,
    el("strong", {}, named("category", category.name)), ` (${source})`);
}

function recoveries(disposition) {
  const options = [disposition, ...disposition.alternatives];
  const most = Math.max(...options.map((option) => Math.abs(option.expected_recovery.amount)), 0.01);
  const rows = options.map((option, index) => {
    const { amount } = option.expected_recovery;
    const bar = el("span", { class: `fill ${amount < 0 ? "loss" : index ? "other" : "best"}` });
    bar.style.width = `${(Math.abs(amount) / most) * 100}%`;
    return el("tr", { class: index ? "" : "top" },
      el("th", { scope: "row" }, named("action", option.action)),
      el("td", { class: "track-cell" }, el("span", { class: "track" }, bar)),
      el("td", { class: "figure" }, money(option.expected_recovery)));
  });
  return el("table", { class: "bars" },
    el("caption", {}, t("station.expected_recovery")), el("tbody", {}, ...rows));
}

function retakeNodes(inspection, urls, onRetake) {
  const cards = [...faultyPhotos(inspection)].map(([index, why]) =>
    el("li", { class: "retake-card", "data-retake": String(index) },
      el("img", { src: urls[index], alt: t("station.photo_alt", { number: index + 1 }) }),
      el("div", {},
        el("strong", {}, t("station.photo_alt", { number: index + 1 })),
        el("p", {}, why),
        onRetake ? el("button", { type: "button", class: "secondary", onclick: () => onRetake(index) },
          t("station.retake_now", { number: index + 1 })) : null)));
  return [
    nowNode(inspection, t("station.retake")),
    el("p", { class: "headline small" }, t("station.retake_heading")),
    el("ul", { class: "retake-list" }, ...cards),
  ];
}
