// The quality gate of the service (models/photos/quality.py), on the device: whether a picture is worth taking. The
// limits are the service's own, which the page brings along; the service judges again what it is sent.

const LIMITS = JSON.parse(document.body.dataset.quality);

/** What is wrong with the picture in `canvas`, whose long side is at most LIMITS.side: a code, or null. */
export function judge(canvas) {
  const { width, height } = canvas;
  const luminance = luminanceOf(canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, width, height).data);
  const [shadow, highlight] = percentiles(luminance, 255, [5, 95]);
  if (highlight < LIMITS.dark_highlight) return "too_dark";
  if (shadow > LIMITS.bright_shadow) return "too_bright";
  if (structure(luminance, width, height) < LIMITS.min_structure) return "no_item";
  // Along columns, then along rows: motion blurs one of them.
  const axes = [[width, 1, height, width], [1, width, width, height]];
  const blurred = axes.some(([step, line, length, lines]) => {
    const { blur, detail } = along(luminance, step, line, length, lines);
    return detail < LIMITS.min_detail || (blur > LIMITS.max_blur && detail < LIMITS.max_detail_when_blurred);
  });
  return blurred ? "blurry" : null;
}

/** The long side at which pictures are judged, in pixels. */
export const SIDE = LIMITS.side;

function luminanceOf(rgba) {
  const found = new Uint8Array(rgba.length / 4);
  for (let i = 0, at = 0; i < found.length; i++, at += 4) {
    found[i] = (rgba[at] * 19595 + rgba[at + 1] * 38470 + rgba[at + 2] * 7471 + 0x8000) >> 16;
  }
  return found;
}

/** Crete's blur in [0, 1] and the 99th percentile of second differences, along `lines` lines of `length` pixels. */
function along(luminance, step, line, length, lines) {
  const counts = new Uint32Array(1021);
  let change = 0, lost = 0, seconds = 0;
  for (let l = 0; l < lines; l++) {
    const at = (i) => luminance[l * line + Math.min(Math.max(i, 0), length - 1) * step];
    for (let i = 0; i + 1 < length; i++) {
      const difference = Math.abs(at(i + 1) - at(i)) * 11;
      change += difference;
      lost += Math.min(difference, Math.abs(at(i + 6) - at(i - 5)));
      if (i + 2 < length) {
        counts[Math.abs(at(i + 2) - 2 * at(i + 1) + at(i))]++;
        seconds++;
      }
    }
  }
  return { blur: change ? lost / change : 0, detail: ranked(counts, seconds, [99])[0] };
}

function percentiles(values, most, wanted) {
  const counts = new Uint32Array(most + 1);
  for (const value of values) counts[value]++;
  return ranked(counts, values.length, wanted);
}

/** Percentiles of counted whole numbers, as numpy.percentile has them. */
function ranked(counts, total, wanted) {
  const value = (rank) => {
    let seen = 0;
    for (let i = 0; i < counts.length; i++) if ((seen += counts[i]) > rank) return i;
    return counts.length - 1;
  };
  return wanted.map((share) => {
    if (!total) return 0;
    const rank = (share / 100) * (total - 1), low = value(Math.floor(rank)), high = value(Math.ceil(rank));
    return low + (high - low) * (rank - Math.floor(rank));
  });
}

/** How much the coarse picture, of a long side of 64 pixels, varies: a standard deviation. */
function structure(luminance, width, height) {
  const step = Math.max(1, Math.floor(Math.max(width, height) / 64));
  const rows = Math.floor(height / step), columns = Math.floor(width / step);
  if (!rows || !columns) return 0;
  let sum = 0, squares = 0;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      let block = 0;
      for (let y = 0; y < step; y++) for (let x = 0; x < step; x++) block += luminance[(r * step + y) * width + c * step + x];
      const mean = Math.round(block / (step * step));
      sum += mean;
      squares += mean * mean;
    }
  }
  const n = rows * columns;
  return Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2));
}
