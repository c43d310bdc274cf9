// What the desk asks of this station: a strip with each item, and the photos or the note that answer it.

import * as camera from "./camera.js";
import { $, el } from "./dom.js";
import { sendNote, sendPhotos } from "./mend.js";
import { reduce } from "./reduce.js";
import { describeProblem, isKept } from "./send.js";
import { newId } from "./stored.js";
import { chosen, named, t } from "./words.js";

const EVERY_MS = 60_000;
const MOST = 10;
const NOTE = "asked-note";
const MOST_PHOTOS = Number(document.body.dataset.maxPhotos);

let api = "";
let who = () => ({});
let asked = [];
let writing = null; // the inspection that is answered with a note
const notes = new Map(); // what is written for one and not sent yet, by its id
let sending = null; // and the one whose photos are on their way
let picked = null; // the one for which the file picker is open
/** Photos taken for one, by its id, as { files, sent }: not sent yet, or sent without an answer as `sent` says. */
const taken = new Map();
const said = new Map(); // what became of one, as a function that says it in the language chosen, by its id

/** `identity()` gives {apiKey, station}: whose items are asked for. */
export function wire(address, identity) {
  api = address;
  who = identity;
  $("asked-files").addEventListener("change", () => {
    const files = [...$("asked-files").files];
    $("asked-files").value = "";
    if (files.length && picked) photographed(picked, files);
  });
  setInterval(() => document.hidden || look(), EVERY_MS);
  addEventListener("focus", look);
  look();
}

/** Ask the service what is asked now: of this station, and about items that name none, which may lie at any bench. What
 * has photos or a note that are not sent yet stays. */
export async function look() {
  const { apiKey, station } = who();
  if (!apiKey || isBusy()) return;
  const found = await Promise.all((station ? [station, ""] : [""]).map((name) => askedOf(name, apiKey)));
  if (found.includes(null) || isBusy()) return;
  const listed = found.flat();
  asked = [...listed, ...asked.filter(({ id }) => (taken.has(id) || notes.has(id)) && !listed.some((one) => one.id === id))];
  draw();
}

/** Whether somebody is at it: the list stays as it is. */
const isBusy = () => sending !== null || writing !== null;

async function askedOf(station, apiKey) {
  const query = new URLSearchParams({ ask: "photos", station, limit: String(MOST) });
  const headers = { Authorization: `Bearer ${apiKey}`, "Accept-Language": chosen() };
  const answer = await fetch(`${api}?${query}`, { headers, signal: AbortSignal.timeout(10_000) })
    .then((response) => (response.ok ? response.json() : null)).catch(() => null);
  return answer?.items ?? null;
}

/** In the language chosen now. */
export function draw() {
  const gone = [...said].filter(([id]) => !asked.some((one) => one.id === id));
  $("asked").hidden = !asked.length && !gone.length;
  const before = document.activeElement?.id === NOTE ? document.activeElement : null;
  $("asked-list").replaceChildren(...asked.map(line), ...gone.map(([, words]) => el("li", { class: "done" }, words())));
  if (!before) return;
  $(NOTE)?.focus();
  $(NOTE)?.setSelectionRange(before.selectionStart, before.selectionEnd);
}

const viewsOf = ({ ask, category }) => ask.views.map((view) => named("view", category ? `${category.name}/${view}` : view));

function line(one) {
  const { ask, item } = one;
  return el("li", { "data-id": one.id },
    el("p", {}, el("strong", {}, item.rma), " ", t("station.asks_for", { who: ask.by }), " ", viewsOf(one).join(" ") || t("station.asks_any"),
      item.station || !who().station ? null : ` ${t("station.asks_anywhere")}`,
      ask.note ? el("q", {}, ask.note) : null),
    said.has(one.id) ? el("p", { class: "field-error", role: "alert" }, said.get(one.id)()) : null,
    writing === one.id ? noteForm(one) : taken.has(one.id) && sending !== one.id ? takenButtons(one) : el("div", { class: "asked-buttons" },
      el("button", { type: "button", class: "primary", disabled: sending !== null, onclick: () => take(one) },
        t(sending === one.id ? "station.asked_sending" : "station.asked_take")),
      el("button", { type: "button", class: "secondary", disabled: sending !== null, onclick: () => write(one) }, t("station.asked_answer"))));
}

function takenButtons(one) {
  const { files } = taken.get(one.id);
  return el("div", { class: "asked-buttons" },
    el("button", { type: "button", class: "primary", disabled: sending !== null, onclick: () => sendTaken(one) }, t("station.asked_send_photos", { count: files.length })),
    el("button", { type: "button", class: "secondary", onclick: () => drop(one, taken) }, t("station.asked_cancel")));
}

function noteForm(one) {
  const input = el("input", { id: NOTE, maxlength: "1000", "aria-label": t("station.asked_note"), placeholder: t("station.asked_note"), value: notes.get(one.id) ?? "",
    oninput: () => notes.set(one.id, input.value) });
  return el("form", { class: "asked-buttons", onsubmit: (event) => { event.preventDefault(); answered(one, input.value.trim()); } },
    input, el("button", { class: "primary", disabled: sending !== null }, t("station.asked_send")),
    el("button", { type: "button", class: "secondary", onclick: () => drop(one, notes) }, t("station.asked_cancel")));
}

/** Somebody does not want to send it after all. */
function drop({ id }, kept) {
  kept.delete(id);
  said.delete(id);
  if (kept === notes) writing = null;
  draw();
  look();
}

function write(one) {
  writing = one.id;
  draw();
  $(NOTE).focus();
}

/** Photograph what is asked for: with the live camera, a view after another, where there is one. */
async function take(one) {
  const files = [];
  let done = false;
  const views = viewsOf(one);
  const live = camera.available() && (await camera.guide({
    views,
    onPhoto: (file) => files.push(file) < MOST_PHOTOS,
    onCodes: () => null,
    onDone: () => { done = true; },
    onEnd: () => {
      if (!files.length) return;
      // Whoever closes the camera amid the views may have had the wrong item before it.
      if (done || !views.length) return photographed(one, files);
      taken.set(one.id, { files, sent: null });
      draw();
    },
  }));
  if (live) return;
  picked = one;
  const phone = matchMedia("(pointer: coarse)").matches;
  $("asked-files").toggleAttribute("capture", phone);
  $("asked-files").multiple = !phone;
  $("asked-files").click();
}

function photographed(one, files) {
  taken.set(one.id, { files, sent: null });
  return sendTaken(one);
}

/** Send what was taken; it is kept until the service has it, and goes under one key however often. */
async function sendTaken(one) {
  const kept = taken.get(one.id);
  sending = one.id;
  said.delete(one.id);
  draw();
  kept.sent ??= await prepared(one, kept.files);
  const { files, replace, key } = kept.sent;
  const answer = await sendPhotos(api, { id: one.id, files, replace }, { ...access(), key });
  sending = null;
  if (answer.inspection) taken.delete(one.id);
  else if (!isKept(answer.status)) kept.sent = null; // nothing was stored of it
  const { inspection } = answer;
  tell(one, answer, inspection?.status === "retake" ? () => retakeWords(inspection) : null);
}

async function prepared(one, files) {
  // Where the newest photos must be taken again, these take their places.
  const replace = one.photos.filter((photo) => !photo.quality.ok).map((photo) => photo.index).slice(0, files.length);
  const smaller = [];
  for (const file of files) smaller.push(await reduce(file, one.category?.name)); // one at a time: tablets are short of memory
  return { files: smaller, replace, key: newId() };
}

async function answered(one, note) {
  if (!note || sending) return;
  sending = one.id;
  said.delete(one.id);
  draw();
  const answer = await sendNote(api, one.id, note, access());
  sending = null;
  if (answer.inspection) {
    notes.delete(one.id);
    writing = null;
  }
  tell(one, answer, null);
}

const access = () => ({ apiKey: who().apiKey, language: chosen() });

const retakeWords = (inspection) => [t("station.retake_heading"), ...inspection.retake.map(({ advice }) => advice)].join(" ");

/** Say what became of it; `again()` says in words that it must be done once more. */
function tell(one, answer, again) {
  if (answer.inspection && !again) {
    asked = asked.filter((other) => other.id !== one.id);
    said.set(one.id, () => t("station.asked_done", { rma: one.item.rma }));
    setTimeout(() => { said.delete(one.id); draw(); }, 15_000);
  } else {
    if (answer.inspection) asked = asked.map((other) => (other.id === one.id ? answer.inspection : other));
    said.set(one.id, again ?? (() => failure(answer)));
  }
  draw();
}

/** Why an answer is not before the desk. Unlike an item, it does not go out by itself. */
function failure({ status, problem, reason }) {
  if (status === 0) return t(reason === "offline" ? "station.asked_offline" : "station.asked_silent");
  if (isKept(status)) return t("station.asked_busy");
  const { title, lines } = describeProblem(status, problem ?? {}, reason);
  return lines[0] ?? title;
}
