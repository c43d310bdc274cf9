// The tray of photos: added by camera, file picker, drop or paste; shown, replaced, removed.

import { $, el } from "./dom.js";
import { t } from "./words.js";

const TYPES = document.body.dataset.photoTypes.split(",");
const HEIC = "image/heic";
const MAX_PHOTOS = Number(document.body.dataset.maxPhotos);
const MAX_BYTES = Number(document.body.dataset.maxPhotoBytes);

/** Photos in order: { file, url, wrong } where `wrong` says why it must be taken again, if it must. */
let photos = [];
let replacing = null;
let changed = () => {};

export const all = () => photos;
export const onChange = (listener) => (changed = listener);

/** Whether a file is a HEIC photo, which many a system has no name for and most browsers cannot show. */
export const isHeic = (file) => /^image\/hei[cf]$/.test(file.type) || (!file.type && /\.hei[cf]$/i.test(file.name));

export function clear() {
  photos.forEach((photo) => URL.revokeObjectURL(photo.url));
  photos = [];
  say("");
  draw();
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
  const photo = { file, url: URL.createObjectURL(file), wrong: null };
  if (replacing !== null && replacing < photos.length) {
    URL.revokeObjectURL(photos[replacing].url);
    photos[replacing] = photo;
    replacing = null;
    return true;
  }
  if (photos.length >= MAX_PHOTOS) return false;
  photos.push(photo);
  return true;
}

function remove(index) {
  URL.revokeObjectURL(photos[index].url);
  photos.splice(index, 1);
  draw();
  changed();
  const rest = $("tray").querySelectorAll("button.remove");
  (rest[Math.min(index, rest.length - 1)] ?? $("choose")).focus();
}

export function draw() {
  $("tray").replaceChildren(
    ...photos.map((photo, index) =>
      el("li", { class: photo.wrong ? "thumb wrong" : "thumb", title: photo.wrong ?? photo.file.name },
        isHeic(photo.file) ? el("span", { class: "name" }, photo.file.name)
          : el("img", { src: photo.url, alt: t("station.photo_alt", { number: index + 1 }), decoding: "async" }),
        el("span", { class: "number", "aria-hidden": "true" }, String(index + 1)),
        el("button", {
          type: "button", class: "remove", onclick: () => remove(index),
          "aria-label": t("station.remove_photo", { number: index + 1 }),
        }, "×"),
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
