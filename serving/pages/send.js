// One submission to the API, and its refusals in words.

import { known, t } from "./words.js";

const PATIENCE_MS = 30_000;

/** Post an item that names its photos, which were sent ahead; answers as `post` does. */
export function send(url, { body, hashes, ...access }) {
  const named = JSON.stringify({ item: body, photos: hashes.map((sha256) => ({ sha256 })) });
  return post(url, named, access, { "Content-Type": "application/json" });
}

/**
 * Post to the service what it answers with an inspection; with `key`, an idempotency key, once however often. Never throws:
 * answers {inspection, replayed}, or {status, problem} with the problem+json where there was one, or {status: 0, reason:
 * "offline" | "too_slow"} where no answer came.
 */
export async function post(url, body, { key, apiKey, language }, more = {}, patience = PATIENCE_MS) {
  const headers = { Authorization: `Bearer ${apiKey}`, "Accept-Language": language, ...more };
  if (key) headers["Idempotency-Key"] = key;
  try {
    const response = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(patience) });
    const answer = await response.json().catch(() => null);
    if (response.ok && answer) {
      return { inspection: answer, replayed: response.headers.get("Idempotency-Replayed") === "true" };
    }
    return { status: response.status, problem: { ...answer, retry_after: response.headers.get("Retry-After") } };
  } catch (error) {
    return { status: 0, reason: error.name === "TimeoutError" ? "too_slow" : "offline" };
  }
}

/** Whether an item is kept and sent again by itself: nobody has looked at it and found it wrong. */
export const isKept = (status) => status === 0 || status === 408 || status === 429 || status >= 500;

/** A refusal as {title, lines, photo, wait}: `photo` is the index at fault, `wait` seconds until a retry. */
export function describeProblem(status, problem, reason) {
  const title = t(isKept(status) ? "station.kept" : "station.failed");
  if (status === 0) return { title, lines: [t(`station.${reason}`, { seconds: PATIENCE_MS / 1000 })] };
  const lines = [];
  const slug = (problem.type ?? "").split(":").pop();
  // Some details begin with the photo's index, counted from 0; an inspector counts from 1.
  const detail = known(`station.problem.${slug}`) ?? (problem.detail ?? "").replace(/^Photo \d+: /, "");
  if ((status === 429 && slug !== "upload-budget") || status === 503) lines.push(t("station.busy"));
  else if (detail && Number.isInteger(problem.photo)) {
    lines.push(t("station.problem_photo", { number: problem.photo + 1, detail }));
  } else if (detail) lines.push(detail);
  else lines.push(t("station.strange_answer", { status }));
  const wait = Number.parseInt(problem.retry_after, 10);
  return { title, lines, photo: problem.photo ?? undefined, wait: wait > 0 ? Math.min(wait, 120) : undefined };
}
