// The session of whoever sits at the page. When it ends, they log in again over what they have entered.

import { $ } from "./dom.js";
import { possible, post, prove } from "./passkey.js";
import { t } from "./words.js";

const { root, key, person } = document.body.dataset;
let { csrf } = document.body.dataset;
let waiting = null;
let handed = false;

/** What every call that changes something must carry. */
export const token = () => csrf;

/** Whether somebody else has sat down: what is here is not theirs, and nothing of it is asked about. */
export const handedOver = () => handed;

/** Take over the token of the session that there is now. Begins the page anew where it is somebody else's. */
export async function refresh() {
  const response = await fetch(`${root}/desk/api/session`, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`session: ${response.status}`);
  const found = await response.json();
  if (found.key !== key) {
    handed = true;
    location.reload();
    await new Promise(() => {});
  }
  csrf = found.csrf;
  for (const field of document.querySelectorAll("input[name=csrf]")) field.value = csrf;
}

/** Ask for the key, or the password or passkey of a person; resolves once there is a session again. Asked several times at once, it asks the reviewer once. */
export function logInAgain() {
  waiting ??= ask().finally(() => (waiting = null));
  return waiting;
}

async function ask() {
  // It may have begun anew in another tab.
  if (await refresh().then(() => true, () => false)) return;
  const before = document.activeElement;
  $("session-fault").textContent = "";
  $("session").showModal();
  await new Promise((resolve) => {
    const conclude = (fault) => {
      $("session-fault").textContent = fault;
      if (!fault) resolve();
    };
    $("session-form").onsubmit = (event) => {
      event.preventDefault();
      begin().then(conclude);
    };
    if (!$("session-passkey")) return;
    $("session-passkey").hidden = !possible();
    $("session-passkey").onclick = () => byPasskey().then(conclude);
  });
  $("session").close();
  before?.focus?.();
}

async function begin() {
  try {
    const secret = $("session-key").value;
    const body = new URLSearchParams(person ? { name: person, password: secret } : { key: secret.trim() });
    const response = await fetch(`${root}/desk/login`, { method: "POST", body, redirect: "manual" });
    // Who has logged in is sent on; that is not followed here.
    if (response.type !== "opaqueredirect") return t(person ? "desk.password_wrong" : "desk.key_wrong");
    await refresh();
    $("session-key").value = "";
    return "";
  } catch {
    return t("desk.offline");
  }
}

async function byPasskey() {
  try {
    const credential = await prove(await post("login/passkey/begin", {}));
    await post("login/passkey", { credential, next: null });
    await refresh();
    return "";
  } catch (error) {
    return error instanceof DOMException ? t("desk.passkey_silent") : error.message || t("desk.offline");
  }
}

$("session")?.addEventListener("cancel", (event) => event.preventDefault());
