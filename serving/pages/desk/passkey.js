// Passkeys: what the service asks of the browser, and what the browser answers, in the JSON of WebAuthn.

import { $ } from "./dom.js";

const { root } = document.body.dataset;
const PATIENCE_MS = 20_000;

/** Whether this page may ask for passkeys: over HTTPS or on localhost, of a host with a name. */
export const possible = () => Boolean(window.PublicKeyCredential) && !/^[\d.]+$|:/.test(location.hostname);

/** The answer of the service to a POST of `body`; throws an Error with its words, or with none where it gave none. */
export async function post(path, body) {
  const headers = { "Content-Type": "application/json", "Accept-Language": document.documentElement.lang };
  const options = { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS) };
  const response = await fetch(`${root}/desk/${path}`, options);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail ?? "");
  return answer;
}

/** Prove with a passkey who sits here. */
export async function prove({ publicKey }) {
  const options = { ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: publicKey.allowCredentials?.map(described) };
  return told(await navigator.credentials.get({ publicKey: options }));
}

/** Make a passkey. */
export async function make({ publicKey }) {
  const user = { ...publicKey.user, id: bytes(publicKey.user.id) };
  const excludeCredentials = publicKey.excludeCredentials?.map(described);
  const options = { ...publicKey, user, challenge: bytes(publicKey.challenge), excludeCredentials };
  return told(await navigator.credentials.create({ publicKey: options }));
}

/** Have a button do so; what goes wrong is said below it. */
export function wire(act) {
  const button = $("passkey");
  button.hidden = !possible();
  button.addEventListener("click", async () => {
    button.disabled = true;
    $("passkey-fault").textContent = "";
    try {
      location.assign((await act()).next);
    } catch (error) {
      // The browser says nothing of use to people; the service does.
      const silent = error instanceof DOMException;
      $("passkey-fault").textContent = silent ? button.dataset.silent : error.message || button.dataset.offline;
    } finally {
      button.disabled = false;
    }
  });
}

const described = (one) => ({ ...one, id: bytes(one.id) });
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

function told({ id, rawId, type, response }) {
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const answer = Object.fromEntries(parts.filter((name) => response[name]).map((name) => [name, text(response[name])]));
  return { id, rawId: text(rawId), type, response: answer, clientExtensionResults: {} };
}
