// The same inspection graded anew: with photos taken again, or as of the category that it really is.

import { el } from "./dom.js";
import { post } from "./send.js";
import { named, t } from "./words.js";

const PATIENCE_MS = 120_000;
const JSON_BODY = { "Content-Type": "application/json" };

/**
 * What has changed since an inspection had to be taken again, as {id, places, replace}: the places of the photos to send,
 * and of those that they replace; null where it is another item, or a photo was taken away, which only a new inspection
 * can do.
 *
 * `retaken` is {id, body, photos} as they were sent, null where nothing had to be taken again; `now` is {body, photos}.
 * Photos are told by their ids.
 */
export function changeOf(retaken, { body, photos }) {
  if (!retaken || photos.length < retaken.photos.length || JSON.stringify(body) !== JSON.stringify(retaken.body)) return null;
  const places = photos.map((_, index) => index);
  const replace = places.filter((index) => index < retaken.photos.length && photos[index] !== retaken.photos[index]);
  // A photo that moved up into the place of one that was taken away is none that was taken again.
  if (replace.some((index) => retaken.photos.includes(photos[index]))) return null;
  const changed = [...replace, ...places.slice(retaken.photos.length)];
  return changed.length ? { id: retaken.id, places: changed, replace } : null;
}

/** Send photos for a stored inspection; answers as `post` of send.js does. */
export function sendPhotos(api, { id, files, replace }, access) {
  const form = new FormData();
  if (replace.length) form.append("replace", replace.join(","));
  for (const file of files) form.append("photos", file, file.name);
  return post(`${api}/${encodeURIComponent(id)}/photos`, form, access, {}, PATIENCE_MS);
}

/** Say of which category a stored inspection is; answers likewise. */
export const sendCategory = (api, id, category, access) =>
  post(`${api}/${encodeURIComponent(id)}/category`, JSON.stringify({ category }), access, JSON_BODY, PATIENCE_MS);

/** Answer the desk with a note; answers likewise. */
export const sendNote = (api, id, note, access) =>
  post(`${api}/${encodeURIComponent(id)}/answer`, JSON.stringify({ note }), access, JSON_BODY, PATIENCE_MS);

/** What offers to grade an item as what its photos look like, `onPick(category)`; null where nobody doubts it. */
export function categoryTap(inspection, onPick) {
  const { category, status, decision } = inspection;
  if (!category?.guess || status !== "needs_review" || decision) return null;
  const guess = named("category", category.guess);
  return el("p", { class: "notice other-category", id: "other-category" },
    el("span", {}, t("station.looks_like", { declared: named("category", category.name), guess })),
    el("button", { type: "button", class: "secondary", onclick: () => onPick(category.guess) }, t("station.grade_as", { guess })));
}
