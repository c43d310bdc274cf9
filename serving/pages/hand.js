// The item in hand: what stands in the form, kept so that it is there again after a reload, a crash or a closed lid.

import { $ } from "./dom.js";
import * as photos from "./photos.js";
import { sentStation } from "./settings.js";
import * as stored from "./stored.js";
import { t } from "./words.js";

const FIELDS = ["rma", "sku", "category", "seller", "amount", "currency"];
const MOST_CODES = 12;
const TAKEN = "taken";
const ASK_MS = 150;
const ASKS = 3;
const ASK_AGAIN_MS = 400;
const SOON_MS = 100;

let mine = false;
let timer = 0;
let more = () => ({});
/** Codes that were read off the item and are no RMA. */
let codes = [];

/** Several tabs would keep several items under one name: the first of them keeps its own. Resolves with whether this is it. */
export async function begin() {
  const channel = new BroadcastChannel("regrade-station");
  // The page that is being left by a reload may still answer: only one that goes on answering is another tab.
  for (let time = 0; time < ASKS && !mine; time += 1) {
    if (time) await pause(ASK_AGAIN_MS);
    mine = await isFree(channel);
  }
  channel.onmessage = ({ data }) => data !== TAKEN && mine && channel.postMessage(TAKEN);
  addEventListener("pagehide", () => channel.close());
  return mine;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Nobody says that it is taken. Of two that ask at once, the one with the lower number has it. */
function isFree(channel) {
  const number = stored.newId();
  return new Promise((resolve) => {
    channel.onmessage = ({ data }) => {
      if (data === TAKEN || data < number) resolve(false);
      else channel.postMessage(TAKEN);
    };
    channel.postMessage(number);
    setTimeout(resolve, ASK_MS, true);
  });
}

/** Keep the item from now on whenever it changes; `also()` is what is kept with it. */
export function keepWith(also) {
  more = also;
  for (const kind of ["input", "change"]) $("item").addEventListener(kind, keep);
  addEventListener("pagehide", keepNow);
}

export function keep() {
  clearTimeout(timer);
  timer = setTimeout(keepNow, SOON_MS);
}

export async function keepNow() {
  clearTimeout(timer);
  if (!mine) return;
  if (isEmpty()) await stored.dropDraft();
  else {
    const fields = Object.fromEntries(FIELDS.map((id) => [id, $(id).value]));
    await stored.saveDraft({ fields, codes, photos: photos.all().map(({ id, wrong }) => ({ id, wrong })), ...more() });
  }
}

/** Note a code that was read off the item; false where it was noted before, or there are too many. */
export function note(code) {
  if (codes.includes(code) || codes.length >= MOST_CODES) return false;
  codes.push(code);
  keep();
  return true;
}

/** Begin with another item. */
export const forget = () => (codes = []);

export const isEmpty = () => !$("rma").value.trim() && !photos.all().length;

/** What is sent of the item. */
export function item() {
  const value = (id) => $(id).value.trim() || undefined;
  const amount = $("amount").value === "" ? undefined : Number($("amount").value);
  return {
    rma: value("rma"),
    sku: value("sku"),
    category: value("category"),
    seller: value("seller"),
    station: sentStation(),
    declared_value: amount === undefined ? undefined : { amount, currency: $("currency").value },
    answers: codes.length ? { codes: [...codes] } : undefined,
  };
}

/** Put faults beside their fields and go to the first. True where there are none. */
export function complete() {
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

/** What stood in the form of an item that is on its way. */
export function fieldsOf({ rma, sku, category, seller, declared_value: value }) {
  return { rma, sku: sku ?? "", category: category ?? "", seller: seller ?? "", amount: value ? String(value.amount) : "", currency: value?.currency };
}

/** Put an item into the form again: its fields and codes, and the photos of which { id, wrong } is known. */
export async function take({ fields, codes: read, photos: ones }) {
  codes = [...(read ?? [])];
  for (const id of FIELDS) if (fields[id] !== undefined) $(id).value = fields[id];
  const kept = await Promise.all(ones.map(async (one) => ({ ...(await stored.photo(one.id)), wrong: one.wrong })));
  photos.restore(kept.filter((photo) => photo.file));
  $("category").dispatchEvent(new Event("change"));
}

/** The item that this browser has kept, or undefined. */
export const kept = async () => (mine ? stored.draft() : undefined);
