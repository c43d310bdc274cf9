// One item to be read: its photos with the boxes of the model or of a reviewer over them. Nothing can be changed here.

import { boxNode } from "./box.js";
import { card } from "./cards.js";
import { $, el } from "./dom.js";
import { codeNodes, identityNode } from "./identity.js";
import { piecesNode } from "./pieces.js";
import "./times.js";
import * as viewer from "./viewer.js";
import { named, percent, t, use } from "./words.js";

const { strings, item, photos, revision } = document.body.dataset;
const identity = JSON.parse(document.body.dataset.identity ?? "null"); // not for sellers
const layers = [...document.querySelectorAll("input[name=layer]")];
let visible = true;
let lit = null; // the defect that was picked in the list

const defects = () => JSON.parse(layers.find((input) => input.checked)?.dataset.boxes ?? "[]");

function draw() {
  const photo = viewer.photo();
  if (!photo) return;
  const found = defects();
  $("overlay").setAttribute("viewBox", `0 0 ${photo.width} ${photo.height}`);
  const here = found.map((defect, index) => [defect, index]).filter(([defect]) => defect.photo === photo.index && defect.box);
  const nodes = here.map(([defect, index]) => boxNode(defect, { scale: viewer.scale(), selected: index === lit }));
  const codes = codeNodes(viewer.identity(), photo.index, 13 / viewer.scale());
  $("overlay").replaceChildren(...(visible ? [...codes, ...nodes] : []));
  viewer.count(found);
}

function list() {
  lit = null;
  $("shown-defects")?.replaceChildren(...defects().map((defect, index) => el("li", {},
    el("button", { type: "button", class: `severity ${defect.severity}`, onclick: () => point(defect, index) },
      [named("defect", defect.type), named("severity", defect.severity), t("desk.photo_short", { number: defect.photo + 1 }),
        ...(defect.box ? [] : [t("desk.no_box")]), ...(defect.score < 1 ? [percent(defect.score)] : [])].join(" · ")))));
  draw();
}

function point(defect, index) {
  lit = lit === index ? null : index;
  if (defect.photo !== viewer.photoIndex()) viewer.step(defect.photo - viewer.photoIndex());
  draw();
}

function toggle() {
  visible = !visible;
  $("boxes").setAttribute("aria-pressed", String(visible));
  draw();
}

const KEYS = { z: viewer.cycleZoom, h: toggle, "/": () => $("find")?.focus() };

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.matches("input[type=search], textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  // Arrows go through the choices of a group where one has the focus.
  const arrows = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (arrows && !event.target.matches("input[type=radio]")) viewer.step(arrows);
  else if (KEYS[event.key.toLowerCase()]) KEYS[event.key.toLowerCase()]();
  else return;
  event.preventDefault();
});

use(await (await fetch(strings)).json(), document.documentElement.lang);
const shown = card({ inspection: { id: item, revision, photos: JSON.parse(photos), identity } });
$("pieces")?.replaceChildren(...[piecesNode(JSON.parse(document.body.dataset.pieces ?? "null"))].filter(Boolean));
$("identity")?.replaceChildren(...[identityNode(identity)].filter(Boolean));
viewer.onView(draw);
viewer.wire(() => false);
$("boxes").addEventListener("click", toggle);
for (const input of layers) input.addEventListener("change", list);
await shown.ready;
const first = defects().find((defect) => defect.severity === "major") ?? defects()[0];
viewer.show(shown, first?.photo ?? 0);
list();
document.body.dataset.ready = "true";
