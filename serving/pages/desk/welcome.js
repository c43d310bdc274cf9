// The first time of somebody who was invited: the code comes in the address's fragment, which is taken off it at once.
// This tab keeps it while the page is loaded again, such as in another language.

import { $ } from "./dom.js";
import { make, post, wire } from "./passkey.js";

const KEPT = "regrade.invitation";
const code = new URLSearchParams(location.hash.slice(1)).get("code");
if (code) {
  history.replaceState(null, "", location.pathname + location.search);
  sessionStorage.setItem(KEPT, code);
}
$("code").value = code ?? ($("code").value || (sessionStorage.getItem(KEPT) ?? ""));
if ($("code").value) greet();

/** Say whose invitation it is; a code that is wrong stays in its field, to be typed anew. */
async function greet() {
  try {
    const { name } = await post("welcome/name", { code: $("code").value });
    $("name").value = name;
    $("name-field").hidden = false;
    $("code-field").hidden = true;
    $("password").focus();
  } catch (error) {
    $("passkey-fault").textContent = error.message;
    $("code").focus();
  }
  document.body.dataset.ready = "true";
}

wire(async () => {
  const typed = $("code").value;
  const credential = await make(await post("welcome/passkey/begin", { code: typed }));
  return post("welcome/passkey", { code: typed, credential });
});
