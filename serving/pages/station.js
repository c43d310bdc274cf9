// The station: an item and its photos in, one inspection out.

import * as asks from "./asks.js";
import { benchDecides, choices, decidesFirst, tell } from "./bench.js";
import { $, el } from "./dom.js";
import { categoryTap, changeOf, sendCategory, sendPhotos } from "./mend.js";
import { describeProblem, send } from "./send.js";
import * as photos from "./photos.js";
import { earlierWords } from "./earlier.js";
import { listenForScans, unlessScanned } from "./scan.js";
import { announcement, faultyPhotos, resultNodes } from "./result.js";
import { choose, chosen, loadWords, t } from "./words.js";

const KEY = "regrade.key";
const STATION = "regrade.station";
const UNDO_MS = 60_000;
const KEPT_FIELDS = ["category", "seller", "currency"]; // a bench grades many items of one seller in a row
const { api, strings } = document.body.dataset;

/** The inspection on show with its photos' URLs; the submission that a retry repeats; why it was refused. */
let shown = null;
let pending = null;
let refusal = null;
let busy = false;
/** The inspection whose photos must be taken again, with what was sent of it; null where there is none. */
let retaken = null;

function item() {
  const value = (id) => $(id).value.trim() || undefined;
  const amount = $("amount").value === "" ? undefined : Number($("amount").value);
  return {
    rma: value("rma"),
    category: value("category"),
    seller: value("seller"),
    station: localStorage.getItem(STATION) ?? undefined,
    declared_value: amount === undefined ? undefined : { amount, currency: $("currency").value },
  };
}

/** Put faults beside their fields and go to the first. True where there are none. */
function complete() {
  const amountWrong = $("amount").validity.badInput || $("amount").validity.rangeUnderflow || $("amount").validity.rangeOverflow;
  const faults = [
    ["rma", "rma-error", $("rma").value.trim() ? "" : t("station.rma_missing")],
    ["amount", "amount-error", amountWrong ? t("station.amount_wrong") : ""],
    ["choose", "photos-error", photos.all().length ? "" : t("station.photos_missing")],
  ];
  for (const [id, error, text] of faults) {
    $(error).textContent = text;
    if (id !== "choose") $(id).setAttribute("aria-invalid", String(text !== ""));
  }
  const first = faults.find(([, , text]) => text);
  if (first) $(first[0]).focus();
  return !first;
}

async function grade() {
  if (busy || !complete()) return;
  if (!sessionStorage.getItem(KEY)) return openSettings(t("station.key_needed"));
  const body = item();
  const files = photos.all().map((photo) => photo.file);
  const same = pending && JSON.stringify(pending.body) === JSON.stringify(body) &&
    pending.files.length === files.length && files.every((file, index) => file === pending.files[index]);
  // Retrying what was sent before keeps its idempotency key, so that an item is never graded twice.
  // Photos that are taken again mend the inspection that there is.
  if (!same) pending = { body, files, key: randomKey(), mended: changeOf(retaken, body, files) };
  release();
  refusal = null;
  working(true);
  const access = { key: pending.key, apiKey: sessionStorage.getItem(KEY), language: chosen() };
  const { mended } = pending;
  const answer = mended ? await sendPhotos(api, mended, access) : await send(api, { ...pending, ...access });
  const urls = answer.inspection ? await previews(answer.inspection, files) : [];
  working(false);
  if (answer.inspection) {
    retaken = answer.inspection.status === "retake" ? { id: answer.inspection.id, body, files } : null;
    return show(answer.inspection, answer.replayed, urls);
  }
  if (mended && [404, 409, 410].includes(answer.status)) retaken = pending = null; // what is sent next is a new one
  fail(answer);
}

/** Have the item on show graded as of another category, by the photos that it has. */
async function gradeAs(category) {
  if (busy || !shown) return;
  const { inspection, urls } = shown;
  working(true);
  const access = { key: randomKey(), apiKey: sessionStorage.getItem(KEY), language: chosen() };
  const answer = await sendCategory(api, inspection.id, category, access);
  working(false);
  if (!answer.inspection) {
    draw();
    return fail(answer);
  }
  $("category").value = category;
  showViews();
  show(answer.inspection, false, urls);
}

// crypto.randomUUID exists on HTTPS pages only; a bench may well reach the service over plain HTTP.
const randomKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function working(on) {
  busy = on;
  // What is being graded must not change under way.
  $("item").inert = on;
  $("outcome").setAttribute("aria-busy", String(on));
  $("working").hidden = !on;
  if (!on) return;
  for (const id of ["empty", "result", "message", "next"]) $(id).hidden = true;
  $("live").textContent = t("station.working");
}

/** URLs of the photos to draw on: the files themselves, and of those that browsers cannot show what the service shows. */
function previews(inspection, files) {
  return Promise.all(files.map(async (file, index) => {
    if (!photos.isHeic(file)) return URL.createObjectURL(file);
    const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEY)}` };
    const address = `${api}/${encodeURIComponent(inspection.id)}/photos/${index}?width=1600`;
    const response = await fetch(address, { headers }).catch(() => null);
    return URL.createObjectURL(response?.ok ? await response.blob() : file);
  }));
}

function show(inspection, replayed, urls) {
  // The result keeps its own URLs: the tray may be changed while it is on show.
  shown = { inspection, replayed, urls, since: performance.now() };
  photos.mark(faultyPhotos(inspection));
  draw();
  $("live").textContent = announcement(inspection);
  $("outcome").scrollIntoView({ block: "nearest" });
  goOn();
}

/** To what comes next: a photo to take again, the question, or the next item. */
function goOn() {
  const { inspection } = shown;
  const asked = inspection.status === "retake" ? ["button"] : benchDecides(inspection) ? [".choice.said", ".choice"] : [];
  const first = asked.map((one) => $("result").querySelector(one)).find(Boolean);
  (first ?? $("next")).focus({ preventScroll: true });
}

async function decide(condition) {
  if (busy || !shown || !benchDecides(shown.inspection)) return;
  const { inspection, since } = shown;
  const seconds = (performance.now() - since) / 1000;
  await settle(inspection, { condition, blind: decidesFirst(inspection), seconds: Math.round(seconds * 10) / 10 });
}

const takeBack = () => !busy && shown && settle(shown.inspection, null);

/** Tell the service; what it answers is shown, and what it refuses beside the question. */
async function settle(inspection, decision) {
  busy = true;
  const answer = await tell(api, inspection.id, decision, sessionStorage.getItem(KEY), chosen());
  busy = false;
  if (shown?.inspection.id !== inspection.id) return;
  if (!answer.inspection) {
    const place = $("bench-error") ?? $("bench-done");
    place.textContent = answer.why;
    return;
  }
  shown.inspection = answer.inspection;
  draw();
  $("live").textContent = announcement(answer.inspection);
  goOn();
  if (decision) setTimeout(endUndo, UNDO_MS, inspection.id);
}

/** After a minute a decision stands. */
function endUndo(id) {
  if (shown?.inspection.id === id) $("bench-undo")?.remove();
}

function draw() {
  if (!shown) return;
  const { inspection, urls, replayed } = shown;
  const note = replayed ? el("p", { class: "hint" }, t("station.replayed")) : null;
  const nodes = resultNodes(inspection, urls, { onRetake: photos.retake, onDecide: decide, onUndo: takeBack });
  const tap = decidesFirst(inspection) ? null : categoryTap(inspection, gradeAs);
  $("result").replaceChildren(...[note, tap, ...nodes].filter(Boolean));
  $("result").hidden = $("next").hidden = false;
}

function release() {
  shown?.urls.forEach((url) => URL.revokeObjectURL(url));
  shown = null;
}

function fail({ status, problem, reason }) {
  if (status === 401 || status === 403) {
    if (status === 401) sessionStorage.removeItem(KEY);
    $("empty").hidden = false;
    return openSettings(t(status === 401 ? "station.key_wrong" : "station.key_no_role"));
  }
  refusal = { status, problem, reason };
  const { photo, why, wait } = drawRefusal();
  if (photo !== undefined) photos.mark(new Map([[photo, why]]));
  const retry = $("message").querySelector("button");
  if (wait) countDown(retry, wait);
  else retry.focus();
}

function drawRefusal() {
  const { title, lines, photo, wait } = describeProblem(refusal.status, refusal.problem, refusal.reason);
  const retry = el("button", { type: "button", class: "secondary", onclick: grade }, t("station.try_again"));
  $("message").replaceChildren(el("strong", {}, title), ...lines.map((line) => el("p", {}, line)), retry);
  $("message").hidden = false;
  return { photo, why: lines[0] ?? title, wait };
}

function countDown(button, seconds) {
  button.disabled = seconds > 0;
  button.textContent = seconds > 0 ? t("station.try_again_in", { seconds }) : t("station.try_again");
  if (seconds > 0) setTimeout(countDown, 1000, button, seconds - 1);
}

function nextItem() {
  if (busy) return;
  release();
  pending = refusal = retaken = null;
  photos.clear();
  const kept = KEPT_FIELDS.map((id) => [id, $(id).value]);
  $("item").reset();
  kept.forEach(([id, value]) => ($(id).value = value));
  for (const id of ["rma-error", "amount-error"]) $(id).textContent = "";
  for (const id of ["rma", "amount"]) $(id).removeAttribute("aria-invalid");
  for (const id of ["result", "message", "next", "rma-note"]) $(id).hidden = true;
  $("empty").hidden = false;
  $("live").textContent = "";
  $("rma").focus();
}

function openSettings(error = "") {
  $("settings").hidden = false;
  $("settings-open").setAttribute("aria-expanded", "true");
  $("station-name").value = localStorage.getItem(STATION) ?? "";
  $("key").value = sessionStorage.getItem(KEY) ?? "";
  $("key-error").textContent = error;
  $("key").setAttribute("aria-invalid", String(error !== ""));
  showKeyState();
  $("key").focus();
  $("key").select();
}

function closeSettings() {
  $("settings").hidden = true;
  $("settings-open").setAttribute("aria-expanded", "false");
}

function showKeyState() {
  const set = sessionStorage.getItem(KEY) !== null;
  $("key-state").dataset.text = set ? "station.key_kept" : "station.key_missing";
  $("key-state").textContent = t($("key-state").dataset.text);
  $("settings-open").classList.toggle("set", set);
}

function saveSettings(event) {
  event.preventDefault();
  const key = $("key").value.trim();
  if (!key) return openSettings(t("station.key_needed"));
  if (!/^[\x21-\x7e]+$/.test(key)) {
    $("key-error").textContent = t("station.key_not_ascii");
    return;
  }
  sessionStorage.setItem(KEY, key);
  const station = $("station-name").value.trim();
  if (station) localStorage.setItem(STATION, station);
  else localStorage.removeItem(STATION);
  showKeyState();
  closeSettings();
  asks.look();
  $("rma").focus();
}

/** Words inside a result come from the service: have it say them again in the language just chosen. */
async function switchLanguage(code) {
  choose(code);
  photos.draw();
  asks.draw();
  showKeyState();
  if (refusal) drawRefusal();
  if (!shown) return;
  draw();
  const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEY)}`, "Accept-Language": code };
  const { id } = shown.inspection;
  const response = await fetch(`${api}/${encodeURIComponent(id)}`, { headers }).catch(() => null);
  if (!response?.ok || shown?.inspection.id !== id || chosen() !== code) return;
  shown.inspection = await response.json();
  photos.mark(faultyPhotos(shown.inspection));
  draw();
}

/** A code that was scanned while no field had the focus is the RMA: of the item before the inspector, or of the next. */
function takeCode(text) {
  if (busy) return;
  if (shown) nextItem();
  $("rma").value = text;
  toPhotos();
}

function scanned(event) {
  // A barcode scanner ends with Enter: go on to the photos instead of sending half an item.
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  toPhotos();
}

/** Say where the RMA was at a bench before. */
async function lookUp() {
  const rma = $("rma").value.trim(), apiKey = sessionStorage.getItem(KEY);
  $("rma-note").hidden = true;
  if (!rma || !apiKey || shown) return;
  const words = await earlierWords(api, rma, apiKey);
  if (!words || shown || $("rma").value.trim() !== rma) return;
  $("rma-note").textContent = words;
  $("rma-note").hidden = false;
}

function toPhotos() {
  lookUp();
  $("rma-error").textContent = "";
  $("rma").removeAttribute("aria-invalid");
  (photos.all().length ? $("grade") : $(matchMedia("(pointer: coarse)").matches ? "take" : "choose")).focus();
}

/** What the category chosen asks to be photographed. */
function showViews() {
  for (const node of document.querySelectorAll(".views")) node.hidden = node.dataset.category !== $("category").value;
}

await loadWords(strings);
$("category").addEventListener("change", showViews);
showViews();
photos.onChange(() => photos.all().length && $("grade").focus());
photos.wire();
$("rma").addEventListener("keydown", scanned);
$("rma").addEventListener("change", lookUp);
listenForScans(takeCode);
$("item").addEventListener("submit", (event) => { event.preventDefault(); grade(); });
for (const id of ["clear", "next"]) $(id).addEventListener("click", nextItem);
$("settings").addEventListener("submit", saveSettings);
$("settings-open").addEventListener("click", () => ($("settings").hidden ? openSettings() : closeSettings()));
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); grade(); }
  if (event.key === "Escape" && !$("settings").hidden) closeSettings();
  const typing = event.target.closest?.("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey;
  const choice = shown && !typing && benchDecides(shown.inspection) ? choices(shown.inspection)[Number(event.key) - 1] : null;
  if (choice) { event.preventDefault(); unlessScanned(() => decide(choice)); }
});
for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => switchLanguage(button.dataset.language));
}
asks.wire(api, () => ({ apiKey: sessionStorage.getItem(KEY), station: localStorage.getItem(STATION) }));
showKeyState();
if (sessionStorage.getItem(KEY)) $("rma").focus();
else openSettings();
document.body.dataset.ready = "true";
