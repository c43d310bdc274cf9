// What is drawn of the photos of a result.

import { isHeic } from "./photos.js";
import { chosen } from "./words.js";

const { api } = document.body.dataset;

/** URLs of the photos to draw on: the files themselves, and of those that browsers cannot show, or that are not here, what
 * the service shows. */
export function previews(inspection, apiKey, files) {
  return Promise.all(inspection.photos.map(async ({ index }) => {
    const file = files[index];
    if (file && !isHeic(file)) return URL.createObjectURL(file);
    const headers = { Authorization: `Bearer ${apiKey}`, "Accept-Language": chosen() };
    const address = `${api}/${encodeURIComponent(inspection.id)}/photos/${index}?width=1600`;
    const response = await fetch(address, { headers }).catch(() => null);
    return URL.createObjectURL(response?.ok ? await response.blob() : (file ?? new Blob()));
  }));
}
