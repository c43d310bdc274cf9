// Who this station is: paired by a code, with a key that stays in this browser and a name that is bound to it; or by a
// key that lives in this tab alone, with a name that is typed.

import { $ } from "./dom.js";
import { codeInAddress, pair, paired, unpair, whose } from "./pair.js";
import { chosen, t } from "./words.js";

const KEY = "regrade.key";
const STATION = "regrade.station";

/** The name that the service has said the key of this tab is bound to. */
let bound = null;
let saved = () => {};
/** What is wrong, in words of the language chosen, and the field that it is about. */
let fault = { words: () => "", field: "key" };
const CODE = "pair-code";

const own = () => sessionStorage.getItem(KEY);
export const apiKey = () => own() ?? paired()?.key ?? null;
/** The headers with which the service is asked, for whoever stands here. */
export const credentials = () => ({ Authorization: `Bearer ${apiKey()}`, "Accept-Language": chosen() });
export const boundName = () => (own() === null ? paired()?.station : bound) ?? undefined;
/** What the station is called: by its key, or as somebody has typed it. */
export const stationName = () => boundName() ?? localStorage.getItem(STATION) ?? undefined;
/** What is said of it with an item: nothing where the key says it. */
export const sentStation = () => (boundName() ? undefined : stationName());

/** Open them, and say what is wrong (`words()`, in the language chosen) with one field, which gets the focus. */
export function openSettings(words = () => "", field = "key") {
  $("settings").hidden = false;
  $("settings-open").setAttribute("aria-expanded", "true");
  $("station-name").value = stationName() ?? "";
  $(CODE).value = "";
  $("key").value = own() ?? "";
  blame(words, field);
  showKeyState();
  $(field).focus();
  $(field).select();
}

function blame(words, field) {
  fault = { words, field };
  const text = words();
  $("key-error").textContent = text;
  for (const id of ["key", CODE]) $(id).setAttribute("aria-invalid", String(text !== "" && id === field));
}

function close() {
  blame(() => "", "key");
  $("settings").hidden = true;
  $("settings-open").setAttribute("aria-expanded", "false");
}

export function showKeyState() {
  const set = apiKey() !== null, name = boundName();
  const code = name ? "station.paired_as" : set ? "station.key_kept" : "station.key_missing";
  $("key-state").textContent = t(code, { station: name });
  if (name) delete $("key-state").dataset.text;
  else $("key-state").dataset.text = code;
  if (fault.words()) $("key-error").textContent = fault.words();
  $("settings-open").classList.toggle("set", set);
  $("paired").hidden = !name;
  $("paired").textContent = name ? t("station.paired_as", { station: name }) : "";
  $("station-name").readOnly = Boolean(name);
}

/** The service does not take the key (401), or not for this (403). */
export function refuseKey(status) {
  const was = own() === null && paired();
  if (status === 401) {
    if (was) unpair();
    else sessionStorage.removeItem(KEY);
    bound = null;
  }
  openSettings(() => t(status !== 401 ? "station.key_no_role" : was ? "station.pair_over" : "station.key_wrong"));
}

function save() {
  const key = $("key").value.trim();
  if (!key && paired()) return true;
  if (!key) return openSettings(() => t("station.key_needed"));
  if (!/^[\x21-\x7e]+$/.test(key)) {
    blame(() => t("station.key_not_ascii"), "key");
    return false;
  }
  if (key !== own()) bound = null;
  sessionStorage.setItem(KEY, key);
  const station = $("station-name").value.trim();
  if (station && !boundName()) localStorage.setItem(STATION, station);
  else if (!station) localStorage.removeItem(STATION);
  check();
  return true;
}

/** Ask the service whose the key is. It says at once what is wrong with it; without a network it is found out later. */
async function check() {
  const key = apiKey();
  if (!key) return;
  const { status, station } = await whose(key);
  if (apiKey() !== key) return;
  if (status === 401 || status === 403) return refuseKey(status);
  if (status !== 200) return;
  const before = stationName();
  if (own() !== null) bound = station;
  showKeyState();
  if (stationName() !== before) saved();
}

/** Become the station that a code is of. */
async function usePairing(code) {
  const button = $("settings").querySelector("button");
  button.disabled = true;
  const { station, status, detail } = await pair(code);
  button.disabled = false;
  if (!station) {
    openSettings(() => (status ? (detail ?? t("station.strange_answer", { status })) : t("station.offline_short")), CODE);
    $(CODE).value = code;
    return;
  }
  sessionStorage.removeItem(KEY);
  bound = null;
  showKeyState();
  close();
  saved();
}

/** `onSave()` is called when there is another key, or another name of the station. */
export function wireSettings(onSave) {
  saved = onSave;
  $("settings").addEventListener("submit", (event) => {
    event.preventDefault();
    const code = $(CODE).value.trim();
    if (code) return usePairing(code);
    if (!save()) return;
    showKeyState();
    close();
    saved();
  });
  $("settings-open").addEventListener("click", () => ($("settings").hidden ? openSettings() : close()));
  document.addEventListener("keydown", (event) => event.key === "Escape" && !$("settings").hidden && close());
  addEventListener("hashchange", () => beginWith(codeInAddress()));
}

/** Once the page stands: become the station whose code came in the address, else see whether the key is still good. */
export const identify = () => beginWith(codeInAddress(), check);

async function beginWith(code, otherwise = () => {}) {
  if (code) await usePairing(code);
  else otherwise();
}
