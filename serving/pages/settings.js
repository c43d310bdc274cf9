// The key, which lives in this tab alone, and the name of the station.

import { $ } from "./dom.js";
import { chosen, t } from "./words.js";

const KEY = "regrade.key";
const STATION = "regrade.station";

export const apiKey = () => sessionStorage.getItem(KEY);
/** The headers with which the service is asked, for whoever stands here. */
export const credentials = () => ({ Authorization: `Bearer ${apiKey()}`, "Accept-Language": chosen() });
export const stationName = () => localStorage.getItem(STATION) ?? undefined;

export function openSettings(error = "") {
  $("settings").hidden = false;
  $("settings-open").setAttribute("aria-expanded", "true");
  $("station-name").value = stationName() ?? "";
  $("key").value = apiKey() ?? "";
  $("key-error").textContent = error;
  $("key").setAttribute("aria-invalid", String(error !== ""));
  showKeyState();
  $("key").focus();
  $("key").select();
}

function close() {
  $("settings").hidden = true;
  $("settings-open").setAttribute("aria-expanded", "false");
}

export function showKeyState() {
  const set = apiKey() !== null;
  $("key-state").dataset.text = set ? "station.key_kept" : "station.key_missing";
  $("key-state").textContent = t($("key-state").dataset.text);
  $("settings-open").classList.toggle("set", set);
}

/** The service does not take the key (401), or not for this (403). */
export function refuseKey(status) {
  if (status === 401) sessionStorage.removeItem(KEY);
  openSettings(t(status === 401 ? "station.key_wrong" : "station.key_no_role"));
}

function save() {
  const key = $("key").value.trim();
  if (!key) return openSettings(t("station.key_needed"));
  if (!/^[\x21-\x7e]+$/.test(key)) {
    $("key-error").textContent = t("station.key_not_ascii");
    return false;
  }
  sessionStorage.setItem(KEY, key);
  const station = $("station-name").value.trim();
  if (station) localStorage.setItem(STATION, station);
  else localStorage.removeItem(STATION);
  showKeyState();
  close();
  return true;
}

/** `saved()` is called when there is another key. */
export function wireSettings(saved) {
  $("settings").addEventListener("submit", (event) => {
    event.preventDefault();
    if (save()) saved();
  });
  $("settings-open").addEventListener("click", () => ($("settings").hidden ? openSettings() : close()));
  document.addEventListener("keydown", (event) => event.key === "Escape" && !$("settings").hidden && close());
}
