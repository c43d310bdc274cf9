// The print view of a label: the service draws it, and the browser prints it at the size of the sheet.

import { $ } from "./dom.js";
import { apiKey, credentials } from "./settings.js";
import { loadWords, t } from "./words.js";

const { api, strings, item, size } = document.body.dataset;

async function draw() {
  if (!apiKey()) return say(t("station.label_no_key"));
  const address = `${api}/${encodeURIComponent(item)}/label?format=html&size=${size}`;
  const response = await fetch(address, { headers: credentials(), signal: AbortSignal.timeout(20_000) }).catch(() => null);
  if (!response) return say(t("station.offline_short"));
  if (!response.ok) {
    const problem = await response.json().catch(() => null);
    return say(problem?.detail ?? t("station.strange_answer", { status: response.status }));
  }
  // Parsed apart from this page, so that nothing in it could run; only the label itself is taken over.
  const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
  $("label").replaceChildren(document.importNode(parsed.querySelector(".label"), true));
  $("print").hidden = false;
  $("print").focus();
}

function say(words) {
  $("message").textContent = words;
  $("message").hidden = false;
}

await loadWords(strings);
$("print").addEventListener("click", () => print());
await draw();
document.body.dataset.ready = "true";
