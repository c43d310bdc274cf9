// Photos made smaller on the device, where they are larger than grading has use for: less to send over a bench's network.

const SIDE = Number(document.body.dataset.photoSide); // 0: the service wants originals
const QUALITY = 0.8; // half the bytes of 0.9 and the same grades; at 0.6 probabilities of the examples move by up to 0.09
const ORIGINALS = document.body.dataset.originals.split(",").filter(Boolean);

/** Whether the policy asks for the photos of an item of `category` as the camera made them. Of an item whose category
 * nobody has declared it may: it can be any. */
export const wantsOriginals = (category) => (category ? ORIGINALS.includes(category) : ORIGINALS.length > 0);

/** The photo of an item of `category` upright with a long side of at most `side` pixels, as JPEG; the very file where the
 * policy asks for it, where it is small enough, or where this browser cannot read it. */
export async function reduce(file, category, side = SIDE) {
  if (!side || wantsOriginals(category) || !globalThis.createImageBitmap) return file;
  let picture = null;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = side / Math.max(picture.width, picture.height);
    if (scale >= 1) return file;
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const pen = canvas.getContext("2d", { alpha: false });
    pen.fillStyle = "#fff"; // as the service lays transparent photos on white
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const made = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
    canvas.width = canvas.height = 0; // tablets are short of memory
    if (!made || made.type !== "image/jpeg") return file;
    return new File([made], file.name.replace(/\.[^.]*$/, "") + ".jpg", { type: "image/jpeg", lastModified: file.lastModified });
  } catch {
    return file;
  } finally {
    picture?.close();
  }
}
