// What a reviewer enters of an item, and whether what was kept of it still fits the item.

const TYPES = (document.body.dataset.defects ?? "").split(" ");
export const CONDITIONS = ["unopened", "opened", "used", "damaged"];
/** Those that the category of a card has. */
export const conditionsOf = (card) => card?.conditions ?? CONDITIONS;
const MOST_DEFECTS = 200;
const LONGEST_NOTE = 4000;
const DAY_SECONDS = 86_400;

export const nothing = () => ({ condition: null, action: null, note: "", defects: null, pieces: null, photo: 0 });

export const isNothing = ({ condition, action, note, defects, pieces }) => !condition && !action && !note.trim() && !defects && !pieces;

const within = (value, least, most) => typeof value === "number" && value >= least && value <= most;

function isDefect(defect, photos) {
  if (!Number.isInteger(defect?.photo) || !(defect.photo in photos)) return false;
  const { photo, type, severity, score, box, own } = defect;
  const { width, height } = photos[photo];
  const inside = (side, index) => within(side, -1, (index % 2 ? height : width) + 1);
  return TYPES.includes(type) && ["minor", "major"].includes(severity) && within(score, 0, 1) && typeof own === "boolean" &&
    (box === null || (Array.isArray(box) && box.length === 4 && box.every(inside)));
}

const isPiece = (piece) => typeof piece?.name === "string" && piece.name.length <= 128 && Number.isInteger(piece.quantity) && within(piece.quantity, 1, 10_000);

/** `kept` as { draft, seconds } for the item of a card, or null where it is no draft of this item. */
export function sound(kept, card) {
  const { inspection, dispositions } = card;
  const { condition, action, note, defects, photo, pieces = null } = kept?.draft ?? {};
  const { photos } = inspection;
  if (kept?.inspection !== inspection.id || !within(kept.seconds, 0, DAY_SECONDS)) return null;
  if (condition !== null && !conditionsOf(card).includes(condition)) return null;
  if (typeof note !== "string" || note.length > LONGEST_NOTE) return null;
  if (!Number.isInteger(photo) || !(photo in photos)) return null;
  const list = defects === null || (Array.isArray(defects) && defects.length <= MOST_DEFECTS && defects.every((one) => isDefect(one, photos)));
  if (!list) return null;
  const counted = Array.isArray(pieces) && inspection.pieces && pieces.length <= 100 && pieces.every(isPiece) ? pieces : null;
  // The policy may have changed since: then the best disposition stands.
  const offered = dispositions?.[condition ?? ""];
  const offers = offered ? [offered, ...offered.alternatives].map((option) => option.action) : [];
  const draft = { condition, action: offers.includes(action) ? action : null, note, defects, pieces: counted, photo };
  return { draft, seconds: kept.seconds };
}
