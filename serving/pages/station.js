// The station: an item and its photos in, one inspection out.

import * as asks from "./asks.js";
import { benchDecides, choices, decidesFirst, decisionOf, tell } from "./bench.js";
import * as camera from "./camera.js";
import { $, el } from "./dom.js";
import { earlierWords } from "./earlier.js";
import { expect, given, restore, skuEntered, unfill } from "./expected.js";
import * as hand from "./hand.js";
import { asksForKind } from "./marks.js";
import { categoryTap, changeOf, sendCategory } from "./mend.js";
import { keepOffline } from "./offline.js";
import * as outbox from "./outbox.js";
import * as photos from "./photos.js";
import { previews } from "./previews.js";
import { countDown, drawRefusal } from "./refusal.js";
import { refresh, wireRecent } from "./recent.js";
import { announcement, faultyPhotos, resultNodes } from "./result.js";
import { listenForScans, unlessScanned } from "./scan.js";
import { describeProblem, isKept } from "./send.js";
import { apiKey, credentials, identify, openSettings, refuseKey, showKeyState, stationName, wireSettings } from "./settings.js";
import { signal, wireSound } from "./sound.js";
import * as stored from "./stored.js";
import * as uploads from "./uploads.js";
import { drawWaiting } from "./waiting.js";
import { choose, chosen, loadWords, t } from "./words.js";

const UNDO_MS = 60_000;
const KEPT_FIELDS = ["category", "seller", "currency"]; // a bench grades many items of one seller in a row
const { api, strings } = document.body.dataset;

/** The inspection on show with its photos' URLs; what was sent of the item in hand, { key, body, photos: ids, mended,
 * inspection }; why it was refused. */
let shown = null;
let pending = null;
let refusal = null;
let busy = false;
/** The inspection whose photos must be taken again, with what was sent of it; null where there is none. */
let retaken = null;
/** The RMA that was looked up last. */
let lookedUp = "";

async function grade() {
  if (busy || !hand.complete()) return;
  if (!apiKey()) return openSettings(() => t("station.key_needed"));
  withdrawIfChanged();
  // Retrying what was sent before keeps its idempotency key, so that an item is never graded twice.
  // Photos that are taken again mend the inspection that there is.
  pending ??= { ...now(), key: stored.newId(), mended: changeOf(retaken, now()), filled: given() };
  release();
  refusal = null;
  working(true);
  await photos.ready();
  const entry = outbox.find(pending.key);
  if (entry?.state === "waits") return outbox.kick();
  if (entry) await outbox.remove(entry.seq);
  await outbox.add(pending);
  hand.keep();
}

const now = () => ({ body: hand.item(), photos: photos.all().map((photo) => photo.id) });
const same = (one, other) => JSON.stringify([one.body, one.photos]) === JSON.stringify([other.body, other.photos]);

/** An item that was changed since it was sent is another request; where it still waits, it is not sent as it was. */
function withdrawIfChanged() {
  if (!pending || busy || same(pending, now())) return;
  const entry = outbox.find(pending.key);
  pending = null;
  if (entry?.state !== "waits") return;
  outbox.remove(entry.seq);
  $("message").hidden = true;
}

/** What came of an item on its way, or why it still waits. */
async function onAnswer(entry, answer) {
  const wrongKey = answer.status === 401 || answer.status === 403;
  if (wrongKey && !apiKey()) return working(false);
  if (entry.key !== pending?.key) return wrongKey ? refuseKey(answer.status) : undefined;
  if (!answer.inspection) {
    const first = busy;
    working(false);
    if (entry.state === "refused") outbox.remove(entry.seq);
    if (entry.mended && [404, 409, 410].includes(answer.status)) retaken = pending = null; // what is sent next is a new one
    return fail(answer, first);
  }
  pending.inspection = answer.inspection.id;
  hand.keepNow(); // before what was sent is forgotten: by this, a page that comes back finds its result
  const removed = outbox.remove(entry.seq);
  const urls = await previews(answer.inspection, apiKey(), photos.all().map((photo) => photo.file));
  working(false);
  if (entry.key === pending?.key) show(answer.inspection, answer.replayed, urls);
  hand.keep();
  await removed;
}

/** An inspection as it stands, in the language chosen; null where it cannot be had. */
async function read(id) {
  const response = await fetch(`${api}/${encodeURIComponent(id)}`, { headers: credentials() }).catch(() => null);
  return response?.ok ? response.json() : null;
}

/** Take an item into hand, as { fields, photos, pending, retaken, filled, lookedUp }: with its result where there is one. */
async function takeUp(kept) {
  await hand.take(kept);
  pending = kept.pending ?? null;
  retaken = kept.retaken ?? null;
  restore(kept.filled);
  lookedUp = kept.lookedUp ?? $("rma").value.trim();
  hand.keep();
  if (!pending?.inspection || !apiKey()) return void lookUp();
  const inspection = await read(pending.inspection);
  if (inspection?.id !== pending?.inspection || shown || busy) return;
  show(inspection, false, await previews(inspection, apiKey(), photos.all().map((photo) => photo.file)), { again: true });
}

/** Take an item of the list into hand, unless something else is. */
async function openEntry({ seq, key, body, photos: ids, filled, result }) {
  if (shown) nextItem();
  if (!hand.isEmpty()) return photos.say(t("station.queue_hand"));
  await takeUp({ fields: hand.fieldsOf(body), codes: body.answers?.codes, photos: ids.map((id) => ({ id })), filled, pending: { key, body, photos: ids, filled, inspection: result?.id } });
  await outbox.remove(seq);
}

function drawQueue() {
  const listed = outbox.all().filter((entry) => !busy || entry.key !== pending?.key);
  drawWaiting(listed, { isForeign: outbox.isForeign, open: openEntry, remove: (entry) => outbox.remove(entry.seq) });
}

/** Have the item on show graded as of another category, by the photos that it has. */
async function gradeAs(category) {
  if (busy || !shown) return;
  const { inspection, urls } = shown;
  working(true);
  const answer = await sendCategory(api, inspection.id, category, { key: stored.newId(), apiKey: apiKey(), language: chosen() });
  working(false);
  if (!answer.inspection) {
    draw();
    const { title, lines } = describeProblem(answer.status, answer.problem ?? {}, answer.reason);
    return $("other-category").append(el("span", { class: "field-error", role: "alert" }, lines[0] ?? title));
  }
  $("category").value = category;
  showViews();
  show(answer.inspection, false, urls);
}

function working(on) {
  busy = on;
  // What is being graded must not change under way.
  $("item").inert = on;
  $("outcome").setAttribute("aria-busy", String(on));
  $("working").hidden = !on;
  drawQueue();
  if (!on) return;
  for (const id of ["empty", "result", "message", "next"]) $(id).hidden = true;
  $("live").textContent = t("station.working");
}

/** `again`: it was on show before, and nobody need be told. */
function show(inspection, replayed, urls, { again = false } = {}) {
  // The result keeps its own URLs: the tray may be changed while it is on show.
  shown = { inspection, replayed, urls, since: performance.now() };
  refusal = null;
  retaken = inspection.status === "retake" && pending ? { id: inspection.id, body: pending.body, photos: pending.photos } : null;
  for (const id of ["empty", "message"]) $(id).hidden = true;
  photos.mark(faultyPhotos(inspection));
  draw();
  $("live").textContent = announcement(inspection);
  if (!again) signal(inspection);
  refresh();
  $("outcome").scrollIntoView({ block: "nearest" });
  goOn();
}

/** To what comes next: a photo to take again, the question, or the next item. */
function goOn() {
  const { inspection } = shown;
  const asked = inspection.status === "retake" ? ["button"]
    : benchDecides(inspection) ? [".choice.said", ".choice"] : inspection.now?.state === "count" ? [".pieces-all"] : [];
  const first = asked.map((one) => $("result").querySelector(one)).find(Boolean);
  (first ?? $("next")).focus({ preventScroll: true });
}

async function decide(condition) {
  if (busy || !shown || !benchDecides(shown.inspection)) return;
  const { inspection, since } = shown;
  if (asksForKind(inspection, $("result"))) return;
  await settle(inspection, decisionOf(inspection, condition, (performance.now() - since) / 1000));
}

const takeBack = () => !busy && shown && settle(shown.inspection, null);
const count = (pieces) => !busy && shown && settle(shown.inspection, { pieces }, "pieces");

/** Tell the service; what it answers is shown, and what it refuses beside the question. */
async function settle(inspection, decision, what) {
  busy = true;
  const answer = await tell(api, inspection.id, decision, apiKey(), chosen(), what);
  busy = false;
  if (shown?.inspection.id !== inspection.id) return;
  if (!answer.inspection) {
    const place = (what && $("result").querySelector(".pieces-error")) || ($("bench-error") ?? $("bench-done"));
    place.textContent = answer.why;
    return;
  }
  shown.inspection = answer.inspection;
  draw();
  $("live").textContent = announcement(answer.inspection);
  if (decision) signal(answer.inspection);
  refresh();
  goOn();
  if (decision && !what) setTimeout(endUndo, UNDO_MS, inspection.id);
}

/** After a minute a decision stands. */
function endUndo(id) {
  if (shown?.inspection.id === id) $("bench-undo")?.remove();
}

function draw() {
  if (!shown) return;
  const { inspection, urls, replayed } = shown;
  const note = replayed ? el("p", { class: "hint" }, t("station.replayed")) : null;
  const nodes = resultNodes(inspection, urls, { onRetake: photos.retake, onDecide: decide, onCount: count, onUndo: takeBack });
  const tap = decidesFirst(inspection) ? null : categoryTap(inspection, gradeAs);
  $("result").replaceChildren(...[note, tap, ...nodes].filter(Boolean));
  $("result").hidden = $("next").hidden = false;
}

function release() {
  shown?.urls.forEach((url) => URL.revokeObjectURL(url));
  shown = null;
}

function fail(answer, first) {
  const { status } = answer;
  if (status === 401 || status === 403) {
    $("empty").hidden = false;
    return refuseKey(status);
  }
  refusal = answer;
  const { photo, why, wait } = drawRefusal(refusal, grade);
  if (photo !== undefined) photos.mark(new Map([[photo, why]]));
  // What is kept goes out by itself: the next item can be taken on.
  $("next").hidden = !isKept(status);
  if (wait) countDown(wait);
  else if (first) (isKept(status) ? $("next") : $("message").querySelector("button")).focus();
}

/** Begin anew; what still waits is not sent. */
function clear() {
  const entry = !busy && pending ? outbox.find(pending.key) : null;
  nextItem();
  if (entry?.state === "waits") outbox.remove(entry.seq);
}

function nextItem() {
  if (busy) return;
  release();
  pending = refusal = retaken = null;
  hand.forget();
  photos.clear();
  unfill();
  const kept = KEPT_FIELDS.map((id) => [id, $(id).value]);
  $("item").reset();
  kept.forEach(([id, value]) => ($(id).value = value));
  for (const id of ["rma-error", "amount-error"]) $(id).textContent = "";
  for (const id of ["rma", "amount"]) $(id).removeAttribute("aria-invalid");
  for (const id of ["result", "message", "next", "rma-note"]) $(id).hidden = true;
  $("empty").hidden = false;
  $("live").textContent = "";
  hand.keep();
  drawQueue();
  stored.tidy();
  asks.look();
  $("rma").focus();
}

/** Of photos to take again, tick off those that were. */
function tickRetaken() {
  for (const card of $("result").querySelectorAll("[data-retake]")) {
    const photo = photos.all()[Number(card.dataset.retake)];
    card.classList.toggle("done", Boolean(photo && !photo.wrong));
  }
}

/** Words inside a result come from the service: have it say them again in the language just chosen. */
async function switchLanguage(code) {
  choose(code);
  photos.draw();
  asks.draw();
  showKeyState();
  drawQueue();
  if (refusal) drawRefusal(refusal, grade);
  if (!shown && !$("rma-note").hidden) lookUp();
  if (!shown) return;
  draw();
  const { id } = shown.inspection;
  const inspection = await read(id);
  if (!inspection || shown?.inspection.id !== id || chosen() !== code) return;
  shown.inspection = inspection;
  photos.mark(faultyPhotos(shown.inspection));
  draw();
}

/** A code that was scanned while no field had the focus is the RMA: of the item before the inspector, or of the next. */
function takeCode(text) {
  if (busy) return photos.say(t("station.scan_busy", { code: text }));
  if (isSent()) nextItem();
  $("rma").value = text;
  toPhotos();
}

/** Whether the item in hand is on its way or answered, so that another RMA is another item. */
const isSent = () => Boolean(shown || pending?.inspection || (pending && ["waits", "done"].includes(outbox.find(pending.key)?.state)));

/** Another RMA beside what was sent begins the next item: neither its photos nor its place in the line are the old one's. */
function anotherRma() {
  const rma = $("rma").value.trim();
  const sent = pending?.body.rma ?? shown?.inspection.item.rma;
  if (busy || !rma || !isSent() || rma === sent) return;
  nextItem();
  $("rma").value = rma;
}

/** Codes before the camera: one that no goods bear is the RMA where none is known yet; others are kept with the item. Says
 * what became of them, where something did. */
function takeCodes(codes) {
  const rma = $("rma").value.trim();
  const others = codes.filter(({ text }) => text !== rma);
  const free = others.filter(({ retail }) => !retail);
  if (!rma && free.length === 1) {
    $("rma").value = free[0].text;
    hand.keep();
    lookUp();
    return t("station.camera_rma", { code: free[0].text });
  }
  const noted = rma ? others.filter(({ text }) => hand.note(text)) : [];
  return noted.length ? t("station.camera_noted", { code: noted.map(({ text }) => text).join(" · ") }) : null;
}

function scanned(event) {
  // A barcode scanner ends with Enter: go on to the photos instead of sending half an item.
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  anotherRma();
  toPhotos();
}

/** Say what is expected of the RMA, and where it was at a bench before. */
async function lookUp() {
  const rma = $("rma").value.trim();
  $("rma-note").hidden = true;
  if (!rma || !apiKey() || shown) return;
  if (rma !== lookedUp) unfill();
  lookedUp = rma;
  const said = await Promise.all([expect(api, rma, apiKey(), () => !busy && !pending), earlierWords(api, rma, apiKey())]);
  const words = said.filter(Boolean).join(" · ");
  if (!words || shown || $("rma").value.trim() !== rma) return;
  $("rma-note").textContent = words;
  $("rma-note").hidden = false;
}

function toPhotos() {
  lookUp();
  $("rma-error").textContent = "";
  $("rma").removeAttribute("aria-invalid");
  focusPhotos();
  // A scan is all that it takes where photos are taken with the live camera: one tap less an item.
  if (!photos.all().length && camera.isUsual()) openCamera(null);
}

function focusPhotos() {
  (photos.all().length ? $("grade") : $(matchMedia("(pointer: coarse)").matches ? "take" : "choose")).focus();
}

/** Go on with what this browser has kept. */
async function resume() {
  $("item").inert = true; // what is typed must not be in the way of what was kept
  const mine = await hand.begin();
  const kept = await hand.kept();
  hand.keepWith(() => ({ pending, retaken, lookedUp, filled: given() }));
  if (kept && hand.isEmpty()) {
    // Answered before the page went down, and not shown.
    const entry = (await stored.entries()).find((one) => one.key === kept.pending?.key && one.state !== "waits");
    if (entry?.result) kept.pending.inspection = entry.result.id;
    if (entry) await stored.dropEntry(entry.seq);
    await takeUp(kept);
  }
  $("item").inert = busy;
  await outbox.begin(mine, apiKey, drawQueue, onAnswer);
  await stored.tidy();
}

/** What the category chosen asks to be photographed. */
function showViews() {
  for (const node of document.querySelectorAll(".views")) node.hidden = node.dataset.category !== $("category").value;
}

/** The live camera with the views of the category, or for the one photo `index` that is taken again. */
async function openCamera(index) {
  if (busy || !camera.available()) return false;
  const asked = [...document.querySelectorAll(".views:not([hidden]) li")].map((view) => view.textContent);
  const views = index !== null ? [asked[index] ?? t("station.photo_alt", { number: index + 1 })] : asked.slice(photos.all().length);
  return camera.guide({
    views,
    onPhoto: (file) => {
      photos.add([file], index);
      return photos.hasRoom();
    },
    onCodes: takeCodes,
    // Without an RMA the item cannot go: its field is asked for.
    onDone: () => grade(),
  });
}

await loadWords(strings);
keepOffline();
$("category").addEventListener("change", () => {
  showViews();
  photos.restoreOriginals();
});
showViews();
photos.onChange(() => {
  withdrawIfChanged();
  hand.keep();
  tickRetaken();
  if (photos.all().length) $("grade").focus();
});
photos.onLeave(outbox.needs);
uploads.use(apiKey, photos.progress);
photos.wire();
photos.onTake(openCamera);
$("rma").addEventListener("keydown", scanned);
$("rma").addEventListener("input", anotherRma);
$("rma").addEventListener("change", lookUp);
$("sku").addEventListener("change", () => skuEntered() && lookUp());
listenForScans(takeCode);
wireSound();
wireRecent();
$("item").addEventListener("submit", (event) => { event.preventDefault(); grade(); });
$("item").addEventListener("change", withdrawIfChanged);
$("clear").addEventListener("click", clear);
$("next").addEventListener("click", nextItem);
wireSettings(() => {
  asks.look();
  refresh();
  uploads.kick();
  outbox.kick();
  drawQueue();
  $("rma").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); grade(); }
  const typing = event.target.closest?.("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey;
  const choice = shown && !typing && !$("earlier").open && benchDecides(shown.inspection) ? choices(shown.inspection)[Number(event.key) - 1] : null;
  if (choice) { event.preventDefault(); unlessScanned(() => decide(choice)); }
  const all = shown && !typing && !$("earlier").open && event.key.toLowerCase() === "a" ? $("result").querySelector(".pieces-all") : null;
  if (all) { event.preventDefault(); unlessScanned(() => all.click()); }
});
for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => switchLanguage(button.dataset.language));
}
asks.wire(api, () => ({ apiKey: apiKey(), station: stationName() }));
await resume();
showKeyState();
await identify();
// What is wrong with a code in the address, or with the key, stays as it is said.
if ($("settings").hidden) {
  if (!apiKey()) openSettings();
  else if (!shown) $("rma").focus();
}
document.body.dataset.ready = "true";
