// The defects of the item on show: boxes over the photo that can be selected, moved, resized and drawn, and a list
// beside it in which each can be named, weighed and removed without a mouse.

import { boxNode } from "./box.js";
import { $, el, svg } from "./dom.js";
import { codeNodes } from "./identity.js";
import * as viewer from "./viewer.js";
import { chosen, named, percent, t } from "./words.js";

const TYPES = document.body.dataset.defects.split(" ");
let types = TYPES;
const LEAST = 4; // pixels of the photo; a click without a drag draws nothing
const CORNERS = { nw: [0, 1], ne: [2, 1], se: [2, 3], sw: [0, 3] }; // which of x1, y1, x2, y2 a handle moves

let defects = []; // { photo, type, severity, score, box | null, own }
let changed = false;
let selected = null;
let visible = true;
let drawing = false;
let grip = null; // what a pointer that is down moves
let told = () => {};

export const onChange = (listener) => (told = listener);
/** The defects as they go to the service. */
export const all = () => defects.map(({ own, ...defect }) => defect);
/** The same, or null where nobody touched the model's. */
export const answer = () => (changed ? all() : null);
export const isDrawing = () => drawing;
export const hasSelection = () => selected !== null;

/**
 * Take over what the model saw (nothing in a blind check) or what the reviewer had drawn before. `likely` are the types
 * that the category's rubric knows, the worst first: they are offered first.
 */
export function load(found, mine, likely) {
  types = [...new Set([...likely, ...TYPES])];
  [lastType] = types;
  defects = (mine ?? found).map((defect) => ({ ...defect, own: defect.own ?? false }));
  changed = mine !== null;
  selected = null;
  draw(false);
}

/** What the reviewer made of the defects, without a box that is still being drawn; null where nobody touched them. */
export const save = () => (changed ? structuredClone(grip?.kind === "draw" ? defects.slice(0, -1) : defects) : null);

function touch() {
  changed = true;
  told();
}

export function toggle() {
  visible = !visible;
  $("boxes").setAttribute("aria-pressed", String(visible));
  render();
}

/** Begin or stop drawing a box. */
export function draw(on) {
  drawing = on;
  $("draw").setAttribute("aria-pressed", String(on));
  $("stage").classList.toggle("drawing", on);
  if (on && !visible) toggle();
  if (on) selected = null;
  render();
}

export function select(index) {
  selected = index;
  if (index !== null && defects[index].photo !== viewer.photoIndex()) viewer.step(defects[index].photo - viewer.photoIndex());
  render();
}

export function remove(index = selected) {
  if (index === null) return;
  defects.splice(index, 1);
  selected = null;
  touch();
  render();
  $("defect-list").querySelector("button.remove, select")?.focus();
}

/** Move the selected box, or its lower right corner, by a hundredth of the photo. */
export function nudge(key, resize) {
  const box = defects[selected]?.box;
  if (!box) return;
  const { width, height } = viewer.photo();
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  const by = [(dx * width) / 100, (dy * height) / 100];
  defects[selected].box = resize ? bounded([box[0], box[1], box[2] + by[0], box[3] + by[1]]) : shifted(box, ...by);
  touch();
  render();
}

const tenth = (value) => Math.round(value * 10) / 10;

/** `box` with its corners in order, within the photo and not too small. */
function bounded([x1, y1, x2, y2]) {
  const { width, height } = viewer.photo();
  const side = (a, b, most) => {
    const low = Math.max(0, Math.min(a, b, most - LEAST));
    return [tenth(low), tenth(Math.min(most, Math.max(a, b, low + LEAST)))];
  };
  const [[l, r], [top, bottom]] = [side(x1, x2, width), side(y1, y2, height)];
  return [l, top, r, bottom];
}

function shifted([x1, y1, x2, y2], dx, dy) {
  const { width, height } = viewer.photo();
  const x = Math.max(-x1, Math.min(width - x2, dx));
  const y = Math.max(-y1, Math.min(height - y2, dy));
  return [x1 + x, y1 + y, x2 + x, y2 + y].map(tenth);
}

// Over the photo

export function render() {
  const photo = viewer.photo();
  if (!photo) return;
  const overlay = $("overlay");
  overlay.setAttribute("viewBox", `0 0 ${photo.width} ${photo.height}`);
  const here = defects.map((defect, index) => [defect, index]).filter(([defect]) => defect.photo === photo.index && defect.box);
  const order = [...here].sort(([, a], [, b]) => (a === selected) - (b === selected));
  const nodes = () => [...codeNodes(viewer.identity(), photo.index, 13 / viewer.scale()), ...order.map(([defect, index]) => handled(defect, index))];
  overlay.replaceChildren(...(visible ? nodes() : []));
  viewer.count(defects);
  list();
}

function handled(defect, index) {
  const active = index === selected;
  const unit = 1 / viewer.scale(); // one pixel of the screen
  const handles = active ? Object.keys(CORNERS).flatMap((corner) => {
    const [x, y] = [defect.box[CORNERS[corner][0]], defect.box[CORNERS[corner][1]]];
    // What a finger can hit is larger than what is seen.
    return [svg("circle", { class: "handle", cx: x, cy: y, r: 6 * unit }),
      svg("circle", { class: `grip ${corner}`, "data-grip": corner, "data-box": index, cx: x, cy: y, r: 18 * unit })];
  }) : [];
  return boxNode(defect, { scale: viewer.scale(), selected: active, index, inner: handles });
}

/** Whether a pointer that goes down on the stage is for the boxes. */
export function taken(event) {
  if (grip) return true;
  const target = event.target instanceof Element ? event.target : null;
  const start = viewer.toPhoto(event.clientX, event.clientY);
  if (drawing) {
    defects.push({ photo: viewer.photoIndex(), type: lastType, severity: "major", score: 1, box: [...start, ...start], own: true });
    selected = defects.length - 1;
    grip = { kind: "draw", start };
  } else if (target?.dataset.grip) {
    grip = { kind: target.dataset.grip, start, box: defects[selected].box };
  } else if (target?.dataset.box !== undefined) {
    selected = Number(target.dataset.box);
    grip = { kind: "move", start, box: defects[selected].box };
  } else {
    if (selected !== null) select(null);
    return false;
  }
  grip.pointer = event.pointerId;
  $("stage").setPointerCapture(event.pointerId);
  render();
  return true;
}

function moved(event) {
  if (!grip || event.pointerId !== grip.pointer) return;
  const [x, y] = viewer.toPhoto(event.clientX, event.clientY);
  const defect = defects[selected];
  if (grip.kind === "draw") defect.box = [Math.min(x, grip.start[0]), Math.min(y, grip.start[1]), Math.max(x, grip.start[0]), Math.max(y, grip.start[1])];
  else if (grip.kind === "move") defect.box = shifted(grip.box, x - grip.start[0], y - grip.start[1]);
  else {
    const box = [...grip.box];
    const [across, down] = CORNERS[grip.kind];
    box[across] = x;
    box[down] = y;
    defect.box = bounded(box);
  }
  grip.moved = true;
  render();
}

function released(event) {
  if (!grip || event.pointerId !== grip.pointer) return;
  const { kind, moved: hasMoved } = grip;
  const box = defects[selected].box;
  grip = null;
  if (kind === "draw") {
    if (box[2] - box[0] < LEAST || box[3] - box[1] < LEAST) {
      defects.pop();
      selected = null;
    } else {
      defects[selected].box = bounded(box);
      touch();
    }
    const drawn = selected;
    draw(false);
    select(drawn);
    if (drawn !== null) $("defect-list").querySelector(`[data-row="${drawn}"] select`)?.focus();
  } else if (hasMoved) touch();
  render();
}

// In the list

let lastType = TYPES[0];

let listed = ""; // what the list was made of: it is made anew only where that has changed, so that focus stays

function list() {
  const made = JSON.stringify([chosen(), types, defects.map((one) => [one.photo, one.type, one.severity, one.score, one.own])]);
  if (made !== listed) {
    listed = made;
    const held = document.activeElement?.closest?.("#defect-list [data-row]")?.dataset.row;
    const what = document.activeElement?.tagName.toLowerCase();
    $("defect-list").replaceChildren(...defects.map(row));
    if (held !== undefined) $("defect-list").querySelector(`[data-row="${held}"] ${what}`)?.focus({ preventScroll: true });
    $("no-defects").hidden = defects.length > 0;
  }
  for (const [index, node] of [...$("defect-list").children].entries()) node.classList.toggle("selected", index === selected);
}

function row(defect, index) {
  const choose = el("select", { "aria-label": t("desk.defect_type"), onchange: (event) => {
    defect.type = lastType = event.target.value;
    touch();
    render();
  } }, ...types.map((type) => el("option", { value: type, selected: type === defect.type }, named("defect", type))));
  const weigh = el("button", { type: "button", class: `severity ${defect.severity}`, "aria-label": `${t("desk.severity")}: ${named("severity", defect.severity)}`, onclick: () => {
    defect.severity = defect.severity === "major" ? "minor" : "major";
    touch();
    render();
  } }, named("severity", defect.severity));
  return el("li", { "data-row": index, onfocusin: () => mark(index), onclick: () => mark(index) },
    choose, weigh,
    el("span", { class: "score" }, t("desk.photo_short", { number: defect.photo + 1 }), defect.own ? "" : ` · ${percent(defect.score)}`),
    el("button", { type: "button", class: "remove", "aria-label": t("desk.remove_defect", { defect: named("defect", defect.type) }), onclick: (event) => {
      event.stopPropagation();
      remove(index);
    } }, "×"));
}

function mark(index) {
  if (selected !== index && defects[index]) select(index);
}

/** Add a defect that nobody drew. */
export function add() {
  defects.push({ photo: viewer.photoIndex(), type: lastType, severity: "major", score: 1, box: null, own: true });
  selected = defects.length - 1;
  touch();
  render();
  $("defect-list").querySelector(`[data-row="${selected}"] select`)?.focus();
}

export function wire() {
  $("stage").addEventListener("pointermove", moved);
  $("stage").addEventListener("pointerup", released);
  $("stage").addEventListener("pointercancel", released);
  $("boxes").addEventListener("click", toggle);
  $("draw").addEventListener("click", () => draw(!drawing));
  $("add-defect").addEventListener("click", add);
  viewer.onView(render);
}
