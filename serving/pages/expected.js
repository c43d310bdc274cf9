// What the catalogue expects of an RMA: told to the inspector, and filled into fields that are empty.

import { chosen, t } from "./words.js";

const $ = (id) => document.getElementById(id);
/** Fields that hold what the catalogue said, and what that was: of the next item it is no more true. */
const filled = new Map();

/** What is expected of `rma` in a sentence, or an empty text where there is nothing to say. Empty fields are filled in, while
 * `free()` says that nothing of the item was sent. */
export async function expect(api, rma, apiKey, free) {
  const headers = { Authorization: `Bearer ${apiKey}`, "Accept-Language": chosen() };
  const answer = await fetch(`${api.replace(/inspections$/, "catalogue/rmas")}?${new URLSearchParams({ rma })}`, { headers, signal: AbortSignal.timeout(5_000) })
    .then((response) => (response.ok ? response.json() : null)).catch(() => null);
  if (!answer || $("rma").value.trim() !== rma) return "";
  if (!answer.items.length) return answer.any ? t("station.rma_unexpected") : "";
  const seller = $("seller").value.trim();
  const mine = answer.items.filter((one) => !seller || !one.seller || one.seller === seller);
  if (mine.length !== 1) return "";
  if (free()) fill(mine[0]);
  const lines = mine[0].lines.map(words).join("; ");
  if (!lines) return "";
  return mine[0].seller ? t("station.rma_expected_of", { seller: mine[0].seller, lines }) : t("station.rma_expected", { lines });
}

/** Take out again what the catalogue filled in and nobody has changed since. */
export function unfill() {
  for (const [id, value] of filled) {
    if ($(id).value === value) put(id, "");
  }
  filled.clear();
}

/** What is filled in now, as [field, value] pairs, to be kept with the item. */
export const given = () => [...filled];

/** Go on with fields that were filled in before a reload, as `given` told them. */
export function restore(pairs) {
  filled.clear();
  for (const [id, value] of pairs ?? []) filled.set(id, value);
}

/** Whether somebody has entered the SKU: which line of the return it is. */
export const skuEntered = () => $("sku").value.trim() !== "" && filled.get("sku") !== $("sku").value;

function fill(expected) {
  unfill(); // what was of another line
  const sku = $("sku").value.trim();
  const line = expected.lines.find((one) => one.sku === sku) ?? (!sku && expected.lines.length === 1 ? expected.lines[0] : null);
  offer("seller", expected.seller);
  if (!line) return;
  offer("sku", line.sku);
  offer("category", line.category);
  const value = line.declared_value;
  const known = value && [...$("currency").options].some((option) => option.value === value.currency);
  if (!known || $("amount").value) return;
  // The currency is the station's own choice: a value in another one is filled in by the service.
  if ($("currency").value === value.currency) offer("amount", String(value.amount));
}

function offer(id, value) {
  if (!value || $(id).value) return;
  put(id, value);
  if ($(id).value === value) filled.set(id, value);
}

function put(id, value) {
  $(id).value = value;
  if ($(id).value !== value) $(id).value = ""; // a choice that this page does not have
  $(id).dispatchEvent(new Event("change", { bubbles: true }));
}

/** A line as people say it: 2 × Wireless mouse (charger, 2 × cable). */
function words({ sku, title, quantity, pieces }) {
  const times = (count, name) => (count > 1 ? `${count} × ${name}` : name);
  const parts = pieces.map((piece) => times(piece.quantity, piece.name)).join(", ");
  return times(quantity, title ?? sku) + (parts ? ` (${parts})` : "");
}
