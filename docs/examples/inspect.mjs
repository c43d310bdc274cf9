// Has one item graded, in Node 18 or newer, Deno, or a browser's module: REGRADE_KEY=rg_… node inspect.mjs PHOTO [PHOTO…]
// The same Idempotency-Key makes a retry safe: the item is graded and stored once.
import { readFile } from "node:fs/promises";

const url = process.env.REGRADE_URL ?? "http://127.0.0.1:8080";
const rma = process.env.RMA ?? "RMA-1";

export async function inspect(photos) {
  const form = new FormData();
  for (const photo of photos) form.append("photos", photo, "photo.jpg");
  form.append("item", JSON.stringify({ rma }));
  const headers = { Authorization: `Bearer ${process.env.REGRADE_KEY}`, "Idempotency-Key": rma, Prefer: "wait=10" };
  for (let attempt = 0; ; attempt++) {
    const answer = await fetch(`${url}/v1/inspections`, { method: "POST", headers, body: form });
    if (answer.ok) return answer.json();
    const busy = answer.status === 429 || answer.status === 503; // and it says when to come back
    if (!busy || attempt === 4) throw new Error(`${answer.status}: ${(await answer.json()).detail}`);
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(answer.headers.get("Retry-After") ?? 1)));
  }
}

const files = await Promise.all(process.argv.slice(2).map((path) => readFile(path)));
console.log(JSON.stringify(await inspect(files.map((file) => new Blob([file])))));
