// Whether an RMA was at a bench before.

import { chosen, named, t } from "./words.js";

/** The newest inspection of `rma` in a sentence, or an empty text: none, or nobody who could say. */
export async function earlierWords(api, rma, apiKey) {
  const headers = { Authorization: `Bearer ${apiKey}`, "Accept-Language": chosen() };
  const query = new URLSearchParams({ rma, limit: "1" });
  const answer = await fetch(`${api}?${query}`, { headers, signal: AbortSignal.timeout(5_000) })
    .then((response) => (response.ok ? response.json() : null)).catch(() => null);
  const found = answer?.items[0];
  if (!found) return "";
  const when = new Date(found.created_at).toLocaleString(chosen(), { dateStyle: "medium", timeStyle: "short" });
  if (found.status === "retake") return t("station.rma_retake", { when });
  // Of an item that waits for a blind look, and of one that was erased, nothing is told.
  if (!found.grade || !found.disposition) return t("station.rma_seen_alone", { when });
  return t("station.rma_seen", {
    when, condition: named("condition", found.grade.condition), action: named("action", found.disposition.action),
  });
}
