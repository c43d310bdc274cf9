// The rubric of an item's category beside the question what it is: words and pictures, asked for when it is opened.

import { el } from "./dom.js";
import { credentials } from "./settings.js";
import { chosen, named, t } from "./words.js";

const { api } = document.body.dataset;
const known = new Map();

/** The rubric that an inspection is judged by, in the language on show; null where it cannot be had now. */
export function rubricOf({ category, item }) {
  const query = item.seller ? `?seller=${encodeURIComponent(item.seller)}` : "";
  const address = `${api.replace(/inspections$/, "rubrics")}/${encodeURIComponent(category.name)}${query}`;
  const key = `${chosen()} ${address}`;
  if (!known.has(key)) known.set(key, ask(address).then((answer) => answer?.json() ?? null));
  return known.get(key).then((rubric) => { if (!rubric) known.delete(key); return rubric; });
}

/** A part of the page that shows the rubric when it is opened. */
export function rubricNodes(inspection) {
  const body = el("div", { class: "rubric-body" });
  const open = async (event) => {
    if (!event.target.open || body.childNodes.length) return;
    const rubric = await rubricOf(inspection);
    body.replaceChildren(...(rubric ? rows(rubric) : [el("p", { role: "alert" }, t("station.rubric_offline"))]));
  };
  return el("details", { class: "bench-rubric", ontoggle: open }, el("summary", {}, t("station.rubric")), body);
}

function rows(rubric) {
  return [
    ...rubric.conditions.map((one) => el("section", {}, el("h4", {}, named("condition", one.condition)), el("p", {}, one.text),
      el("div", { class: "rubric-examples" }, ...one.examples.map((example) => picture(example, one.condition))))),
    el("ul", { class: "rubric-notes" }, ...rubric.clarifications.map((text) => el("li", {}, text))),
  ];
}

function picture({ name }, condition) {
  const shown = el("img", { alt: t("station.rubric_example", { condition: named("condition", condition) }), width: 160, height: 120 });
  ask(`${api.replace(/inspections$/, "rubrics")}/examples/${encodeURIComponent(name)}`).then(async (answer) => {
    if (!answer) return shown.remove();
    shown.addEventListener("load", () => URL.revokeObjectURL(shown.src), { once: true });
    shown.src = URL.createObjectURL(await answer.blob());
  });
  return shown;
}

/** The answer, or null where there is none or it is a refusal. */
function ask(address) {
  return fetch(address, { headers: credentials(), signal: AbortSignal.timeout(10_000) }).then((answer) => (answer.ok ? answer : null), () => null);
}
