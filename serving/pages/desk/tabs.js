// Tabs of one reviewer in one browser: they would take each other's items, so that one of them works at a time. What
// was entered goes along when another takes over.

const { key } = document.body.dataset;
const ANSWER_MS = 150;
const channel = new BroadcastChannel(`regrade-desk-${key}`);
const me = crypto.getRandomValues(new Uint32Array(2)).join("-"); // randomUUID is there over HTTPS alone
let working = false;
let heard = () => {};
let taken = () => [];

/** `give()` is called when another tab takes over; what it returns goes there. */
export const onTaken = (give) => (taken = give);

channel.addEventListener("message", ({ data }) => {
  if (data.from === me) return;
  if (data.kind === "ask" && working) channel.postMessage({ kind: "busy", from: me });
  else if (data.kind === "take" && working) {
    working = false;
    channel.postMessage({ kind: "given", from: me, drafts: taken() });
  } else heard(data);
});

function answered(kind) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), ANSWER_MS);
    heard = (data) => {
      if (data.kind !== kind) return;
      clearTimeout(timer);
      resolve(data);
    };
  });
}

/** Begin to work here; false where another tab is at it. */
export async function begin() {
  channel.postMessage({ kind: "ask", from: me });
  working = (await answered("busy")) === null;
  return working;
}

/** Work here from now on, whoever did; resolves with what had been entered there. */
export async function takeOver() {
  channel.postMessage({ kind: "take", from: me });
  const given = await answered("given");
  working = true;
  return given?.drafts ?? [];
}
