// One photo at a time, as large as there is room: zoom about the pointer, pan, pinch, thumbnails.
//
// Pictures are HTML images that were fetched and decoded before they are put in, so that the next one stands there
// at once. Zooming sets the place and size of the picture in pixels of the screen: the drawing over it then keeps the
// width of its lines.

import { $, el } from "./dom.js";
import { t } from "./words.js";

const MOST = 8;
let shown = null; // { item, index } on show
let zoom = 1;
let offset = { x: 0, y: 0 }; // of the picture's middle from the stage's, in pixels of the screen
let listener = () => {};
const pointers = new Map();
let pinch = null;

/** Called as listener(photo) whenever another photo is shown or its size on screen changes. */
export const onView = (call) => (listener = call);
export const photo = () => shown && shown.item.inspection.photos[shown.index];
/** What the codes of the item on show say. */
export const identity = () => shown?.item.inspection.identity ?? null;
export const photoIndex = () => shown?.index ?? 0;
/** Pixels of the screen to one pixel of the photo. */
export const scale = () => {
  const { width, height } = photo();
  const stage = $("stage");
  return Math.min(stage.clientWidth / width, stage.clientHeight / height) * zoom;
};

/** Show photo `index` of `item` ({ inspection, pictures }), whole. */
export function show(item, index = 0) {
  const other = shown?.item !== item;
  shown = { item, index };
  zoom = 1;
  offset = { x: 0, y: 0 };
  if (other) strip();
  put(item.pictures[index]);
  for (const [place, button] of [...$("strip").children].entries()) {
    button.setAttribute("aria-current", String(place === index));
    if (place === index) button.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  lay();
}

/** Show nothing. */
export function clear() {
  shown = null;
  $("strip").replaceChildren();
  $("canvas").querySelector("img")?.remove();
}

export function step(by) {
  if (!shown) return;
  const count = shown.item.inspection.photos.length;
  show(shown.item, (shown.index + by + count) % count);
}

function put(picture) {
  const old = $("canvas").querySelector("img");
  picture.alt = t("desk.photo_alt", { number: shown.index + 1 });
  picture.draggable = false;
  if (old) old.replaceWith(picture);
  else $("canvas").prepend(picture);
}

function strip() {
  const { inspection, thumbnails } = shown.item;
  $("strip").replaceChildren(...inspection.photos.map(({ index }) =>
    el("button", {
      type: "button", "aria-label": t("desk.show_photo", { number: index + 1 }), onclick: () => show(shown.item, index),
    }, el("img", { src: thumbnails[index], alt: "" }), el("span", { class: "badge", hidden: true }))));
  $("strip").hidden = inspection.photos.length < 2;
}

/** Write how many defects each photo has. */
export function count(defects) {
  for (const [index, button] of [...$("strip").children].entries()) {
    const found = defects.filter((defect) => defect.photo === index).length;
    const badge = button.querySelector(".badge");
    badge.textContent = String(found);
    badge.hidden = found === 0;
  }
}

function lay() {
  if (!shown) return;
  const stage = $("stage");
  const { width, height } = photo();
  const size = scale();
  const [w, h] = [width * size, height * size];
  // A picture larger than the stage covers it; a smaller one stays in its middle.
  const room = { x: Math.max(0, (w - stage.clientWidth) / 2), y: Math.max(0, (h - stage.clientHeight) / 2) };
  offset.x = Math.max(-room.x, Math.min(room.x, offset.x));
  offset.y = Math.max(-room.y, Math.min(room.y, offset.y));
  const canvas = $("canvas").style;
  canvas.width = `${w}px`;
  canvas.height = `${h}px`;
  canvas.left = `${(stage.clientWidth - w) / 2 + offset.x}px`;
  canvas.top = `${(stage.clientHeight - h) / 2 + offset.y}px`;
  stage.classList.toggle("zoomed", zoom > 1);
  $("zoom").setAttribute("aria-pressed", String(zoom > 1));
  if (zoom > 1.05) sharpen();
  listener(photo());
}

/** Put the photo as it was sent in the place of the smaller one, once it is there. */
function sharpen() {
  const { item, index } = shown;
  const picture = item.pictures[index];
  if (picture.dataset.full || !item.originals) return;
  picture.dataset.full = "true";
  const full = new Image();
  full.src = item.originals[index];
  full.decode().then(() => {
    item.pictures[index] = full;
    full.dataset.full = "true";
    if (shown?.item === item && shown.index === index) put(full);
  }, () => {});
}

/** Zoom to `to` times the whole picture, about a point of the window, else about the stage's middle. */
function zoomTo(to, clientX, clientY) {
  if (!shown) return;
  const stage = $("stage").getBoundingClientRect();
  const middle = { x: stage.left + stage.width / 2, y: stage.top + stage.height / 2 };
  const at = { x: (clientX ?? middle.x) - middle.x, y: (clientY ?? middle.y) - middle.y };
  const next = Math.max(1, Math.min(MOST, to));
  // The point under the pointer stays under it.
  offset = { x: at.x - ((at.x - offset.x) * next) / zoom, y: at.y - ((at.y - offset.y) * next) / zoom };
  zoom = next;
  lay();
}

/** In steps 1 → 2 → 4 and back to the whole picture. */
export const cycleZoom = () => zoomTo(zoom >= 4 ? 1 : zoom >= 2 ? 4 : 2);

/** A point of the window in pixels of the photo, within it. */
export function toPhoto(clientX, clientY) {
  const canvas = $("canvas").getBoundingClientRect();
  const { width, height } = photo();
  const within = (value, most) => Math.max(0, Math.min(most, value));
  return [within(((clientX - canvas.left) / canvas.width) * width, width),
    within(((clientY - canvas.top) / canvas.height) * height, height)];
}

function spread() {
  const [a, b] = [...pointers.values()];
  return { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

/** Wire the stage. A pointer that `taken(event)` claims (to draw or move a box) does not pan. */
export function wire(taken) {
  const stage = $("stage");
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomTo(zoom * Math.exp(-event.deltaY / (event.deltaMode ? 20 : 400)), event.clientX, event.clientY);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    if (!shown || event.button > 0 || taken(event)) return;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    stage.setPointerCapture(event.pointerId);
    if (pointers.size === 2) pinch = { ...spread(), zoom };
  });
  stage.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pointers.size === 2 && pinch) {
      const now = spread();
      zoomTo((pinch.zoom * now.distance) / pinch.distance, now.x, now.y);
    } else if (pointers.size === 1) {
      offset.x += event.clientX - last.x;
      offset.y += event.clientY - last.y;
      lay();
    }
  });
  const end = (event) => {
    pointers.delete(event.pointerId);
    pinch = null;
  };
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);
  stage.addEventListener("dblclick", (event) => zoomTo(zoom > 1 ? 1 : 3, event.clientX, event.clientY));
  $("zoom").addEventListener("click", cycleZoom);
  $("previous").addEventListener("click", () => step(-1));
  $("following").addEventListener("click", () => step(1));
  new ResizeObserver(lay).observe(stage);
}
