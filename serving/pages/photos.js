// The tray of photos: added by camera, file picker, drop or paste; shown, replaced, removed.

import { noteUse } from "./camera.js";
import { $, el } from "./dom.js";
import { reduce, wantsOriginals } from "./reduce.js";
import { describeProblem } from "./send.js";
import * as stored from "./stored.js";
import * as uploads from "./uploads.js";
import { t } from "./words.js";

const TYPES = document.body.dataset.photoTypes.split(",");
const HEIC = "image/heic";
const MAX_PHOTOS = Number(document.body.dataset.maxPhotos);
const MAX_BYTES = Number(document.body.dataset.maxPhotoBytes);

/** Photos in order: { id, file, url, wrong, ready, original } where `wrong` says why it must be taken again, if it must,
 * `ready` resolves when the file is as it will be sent, and kept, and `original` is what the file was made from, where it
 * was made smaller. */
let photos = [];
let replacing = null;
let changed = () => {};
let reducing = Promise.resolve(); // one at a time: tablets are short of memory
/** Whether somebody else still needs a photo that leaves the tray. */
let needed = () => false;

export const all = () => photos;
export const onChange = (listener) => (changed = listener);
export const onLeave = (listener) => (needed = listener);
/** When all are as they will be sent, and kept. */
export const ready = () => Promise.all(photos.map((photo) => photo.ready));

/** Whether a file is a HEIC photo, which many a system has no name for and most browsers cannot show. */
export const isHeic = (file) => /^image\/hei[cf]$/.test(file.type) || (!file.type && /\.hei[cf]$/i.test(file.name));

export function clear() {
  photos.forEach(leave);
  photos = [];
  say("");
  draw();
}

/** Put photos into the tray that were kept: { id, file, wrong }. */
export function restore(kept) {
  clear();
  for (const { id, file, wrong } of kept) {
    const photo = { id, file, url: URL.createObjectURL(file), wrong: wrong ?? null, ready: Promise.resolve() };
    photos.push(photo);
    stored.inHand.add(id);
    uploads.begin({ id, file, sent: true });
  }
  draw();
}

/** A photo is in the tray no more. */
function leave(photo) {
  URL.revokeObjectURL(photo.url);
  stored.inHand.delete(photo.id);
  if (!needed(photo.id)) uploads.cancel(photo.id);
}

/** Make a photo what is sent of it, keep it, and begin to send it. */
async function prepare(photo) {
  const smaller = await (reducing = reducing.then(() => reduce(photo.file, $("category").value)));
  if (!photos.includes(photo)) return;
  if (smaller !== photo.file) {
    URL.revokeObjectURL(photo.url);
    Object.assign(photo, { original: photo.file, file: smaller, url: URL.createObjectURL(smaller) });
    thumb(photo.id)?.querySelector("img")?.setAttribute("src", photo.url);
  }
  await stored.keepPhoto({ id: photo.id, file: photo.file });
  if (!photos.includes(photo)) return;
  uploads.begin(photo);
  uploads.attempt(photo.id).then((answer) => answer.final && photos.includes(photo) && refuse(photo, answer));
}

/** Of a category whose photos are sent as the camera made them: put back what was made smaller. */
export function restoreOriginals() {
  if (!wantsOriginals($("category").value)) return;
  const made = photos.filter((photo) => photo.original);
  for (const photo of made) {
    replacing = photos.indexOf(photo);
    put(photo.original);
  }
  if (made.length) draw();
}

function refuse(photo, { status, problem }) {
  photo.wrong = describeProblem(status, problem).lines[0];
  draw();
}

const thumb = (id) => $("tray").querySelector(`[data-photo="${id}"]`);

/** Show how much of a photo is at the service. */
export function progress(id, share) {
  const bar = thumb(id)?.querySelector("progress");
  if (bar) Object.assign(bar, { value: share, hidden: share === 1 });
}

/** Mark photos that must be taken again: a map of index to why. */
export function mark(wrong) {
  photos.forEach((photo, index) => (photo.wrong = wrong.get(index) ?? null));
  draw();
}

/** Ask for another photo in the place of photo `index`. */
export async function retake(index) {
  if (matchMedia("(pointer: coarse)").matches && (await live(index))) return;
  replacing = index;
  $(matchMedia("(pointer: coarse)").matches ? "camera" : "files").click();
}

/** How the live camera is shown, for a new photo or in the place of photo `index`: resolves to whether it could be. */
let live = async () => false;
export const onTake = (opener) => (live = opener);

/** Whether another photo has room. */
export const hasRoom = () => photos.length < MAX_PHOTOS;

/** Add photos, the first in the place of photo `instead` where that is given. */
export function add(files, instead = replacing) {
  replacing = instead;
  const faults = [];
  for (const file of files) {
    const type = isHeic(file) ? HEIC : file.type;
    if (type === HEIC && !TYPES.includes(HEIC)) faults.push(t("station.photo_heic", { name: file.name }));
    else if (!TYPES.includes(type)) faults.push(t("station.photo_wrong_type", { name: file.name }));
    else if (file.size > MAX_BYTES) {
      faults.push(t("station.photo_too_large", { name: file.name, limit: Math.round(MAX_BYTES / 2 ** 20) }));
    } else if (file.size === 0) faults.push(t("station.photo_empty", { name: file.name }));
    else if (!put(file)) {
      faults.push(t("station.too_many_photos", { limit: MAX_PHOTOS }));
      break;
    }
  }
  replacing = null;
  say(faults.join("\n"));
  draw();
  changed();
}

function put(file) {
  const photo = { id: stored.newId(), file, url: URL.createObjectURL(file), wrong: null, original: null };
  if (replacing !== null && replacing < photos.length) {
    leave(photos[replacing]);
    photos[replacing] = photo;
    replacing = null;
  } else if (photos.length >= MAX_PHOTOS) {
    URL.revokeObjectURL(photo.url);
    return false;
  } else photos.push(photo);
  stored.inHand.add(photo.id);
  photo.ready = prepare(photo);
  return true;
}

function remove(index) {
  leave(photos[index]);
  photos.splice(index, 1);
  draw();
  changed();
  const rest = $("tray").querySelectorAll("button.remove");
  (rest[Math.min(index, rest.length - 1)] ?? $("choose")).focus();
}

export function draw() {
  $("tray").replaceChildren(
    ...photos.map((photo, index) =>
      el("li", { class: photo.wrong ? "thumb wrong" : "thumb", "data-photo": photo.id, title: photo.wrong ?? photo.file.name },
        isHeic(photo.file) ? el("span", { class: "name" }, photo.file.name)
          : el("img", { src: photo.url, alt: t("station.photo_alt", { number: index + 1 }), decoding: "async" }),
        el("span", { class: "number", "aria-hidden": "true" }, String(index + 1)),
        el("button", {
          type: "button", class: "remove", onclick: () => remove(index),
          "aria-label": t("station.remove_photo", { number: index + 1 }),
        }, "×"),
        el("progress", { class: "sent", max: "1", value: String(uploads.share(photo.id)), hidden: uploads.share(photo.id) === 1,
          "aria-label": t("station.photo_sending", { number: index + 1 }) }),
        photo.wrong ? el("button", { type: "button", class: "retake", onclick: () => retake(index) }, t("station.replace")) : null,
      )),
  );
  $("photo-count").textContent = t("station.photo_count", { count: photos.length, limit: MAX_PHOTOS });
  $("drop").classList.toggle("filled", photos.length > 0);
}

export const say = (text) => ($("photos-error").textContent = text);

export function wire() {
  for (const [button, input] of [["take", "camera"], ["choose", "files"]]) {
    $(button).addEventListener("click", async () => {
      replacing = null;
      if (button === "choose") noteUse(false);
      if (button !== "take" || !(await live(null))) $(input).click();
    });
    $(input).addEventListener("change", () => {
      add([...$(input).files]);
      $(input).value = "";
    });
    $(input).addEventListener("cancel", () => (replacing = null));
  }
  const drop = $("item");
  const carriesFiles = (event) => [...event.dataTransfer.types].includes("Files");
  drop.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    $("drop").classList.add("over");
  });
  drop.addEventListener("dragleave", (event) => {
    if (!drop.contains(event.relatedTarget)) $("drop").classList.remove("over");
  });
  drop.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    $("drop").classList.remove("over");
    add([...event.dataTransfer.files]);
  });
  // A photo dropped beside the form must not replace the page and what was typed.
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
  document.addEventListener("paste", (event) => event.clipboardData.files.length && add([...event.clipboardData.files]));
  draw();
}
