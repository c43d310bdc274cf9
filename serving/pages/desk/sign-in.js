// Signing in with a passkey.

import { $ } from "./dom.js";
import { post, prove, wire } from "./passkey.js";

wire(async () => {
  const credential = await prove(await post("login/passkey/begin", {}));
  return post("login/passkey", { credential, next: $("passkey").dataset.next || null });
});
