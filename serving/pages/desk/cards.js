// Items that this reviewer holds: each with its photos fetched and decoded before it is shown, its lease, and what
// the reviewer has entered so far.

import { address } from "./call.js";
import { $ } from "./dom.js";
import { nothing } from "./entered.js";

const THUMBNAIL = 160;
const WIDTHS = [800, 1200, 1600, 2048];

/** The width at which a photo fills the stage of this screen. */
function fitting(photo) {
  const stage = $("stage");
  const scale = Math.min((stage.clientWidth || 900) / photo.width, (stage.clientHeight || 700) / photo.height);
  const wanted = photo.width * scale * Math.min(2, devicePixelRatio || 1);
  return WIDTHS.find((width) => width >= wanted * 0.95) ?? WIDTHS.at(-1);
}

/** A card of the service's answer; `ready` resolves once all its photos are decoded (or have failed). */
export function card(answer) {
  const { inspection } = answer;
  // Of this revision: a browser may keep a picture for a minute, and another one may have come in its place.
  const of = (index, width) => {
    const query = new URLSearchParams({ revision: inspection.revision, ...(width && { width }) });
    return `${address(`items/${encodeURIComponent(inspection.id)}/photos/${index}`)}?${query}`;
  };
  const pictures = inspection.photos.map((photo) => {
    const image = new Image();
    image.decoding = "sync"; // decoded below; it must not be put off when it is shown
    image.src = of(photo.index, fitting(photo));
    return image;
  });
  const thumbnails = inspection.photos.map((photo) => of(photo.index, THUMBNAIL));
  const made = {
    ...answer,
    pictures,
    thumbnails,
    originals: inspection.photos.map((photo) => of(photo.index)),
    draft: nothing(),
    restored: false, // whether what was entered is from before
    lease: held(answer.lease),
    seconds: 0,
    loaded: false,
  };
  const small = thumbnails.map((source) => Object.assign(new Image(), { src: source }).decode());
  made.ready = Promise.allSettled([...pictures.map((picture) => picture.decode()), ...small]).then(() => {
    made.loaded = true;
  });
  return made;
}

/** A lease by this computer's clock: what counts is how many seconds the service says are left. */
export const held = (lease) => lease && { ...lease, until: performance.now() + lease.seconds_left * 1000 };
export const left = (one) => (one.lease ? (one.lease.until - performance.now()) / 1000 : Infinity);
