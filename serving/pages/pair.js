// Pairing: a short code, scanned or typed, becomes the key of a station that an admin has made. The key stays in this
// browser until another tablet is paired with the station, or its tablet is revoked.

import { chosen } from "./words.js";

const PAIRED = "regrade.paired";
const PATIENCE_MS = 20_000;

/** { key, station } of the station that this browser is paired with, or null. */
export function paired() {
  try {
    return JSON.parse(localStorage.getItem(PAIRED));
  } catch {
    return null;
  }
}

export const unpair = () => localStorage.removeItem(PAIRED);

/** The code in the page's address, which is taken off it at once; null where there is none. */
export function codeInAddress() {
  const code = new URLSearchParams(location.hash.slice(1)).get("pair");
  if (code) history.replaceState(null, "", location.pathname + location.search);
  return code;
}

/** Exchange a code for the key. Answers { station }, or { status, detail }: 0 where no answer came. */
export async function pair(code) {
  const { status, answer } = await ask("v1/pairing", { method: "POST", body: JSON.stringify({ code }) });
  if (status !== 200) return { status, detail: answer?.detail };
  localStorage.setItem(PAIRED, JSON.stringify(answer));
  return { station: answer.station };
}

/** Whose station a key is, as the service says: { status, station }; `station` is null for a key that is bound to none.
 * What is known of a pairing is brought up to date. */
export async function whose(key) {
  const { status, answer } = await ask("v1/stations/own", { headers: { Authorization: `Bearer ${key}` } });
  if (status === 200 && paired()?.key === key) localStorage.setItem(PAIRED, JSON.stringify({ key, station: answer.station }));
  return { status, station: answer?.station ?? null };
}

async function ask(path, options) {
  const headers = { "Content-Type": "application/json", "Accept-Language": chosen(), ...options.headers };
  const response = await fetch(path, { ...options, headers, signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => null);
  return { status: response?.status ?? 0, answer: await response?.json().catch(() => null) };
}
