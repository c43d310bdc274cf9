// The live camera: the views that a category asks for, one after another. Each is judged before it is taken, one tap or
// key takes it, the next comes by itself, and with the last the item is on its way.

import { readCodes } from "./codes.js";
import { el, svg } from "./dom.js";
import { SIDE, judge } from "./gate.js";
import { t } from "./words.js";

const KEPT = "regrade.camera"; // which camera, zoom and torch: of this station
const JUDGED_EVERY_MS = 250;
const READ_EVERY = 2; // of the times that it is judged
const READ_SIDE = 1280; // pixels of the long side in which codes are looked for
const QUALITY = 0.92;

/** Whether this browser can show a camera in the page: over HTTPS, or on this machine. */
export const available = () => isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);

/** Whether the next photos are to be taken with it as well: the last ones were, at this station. */
export const isUsual = () => available() && kept().usual === true;

/** Photos were chosen in another way, or with this camera. */
export const noteUse = (usual) => keep({ usual });

const isOpen = () => document.querySelector("dialog.camera") !== null;

/**
 * Show the camera until it is closed. `views` are the words of what to photograph, in order; without any, as many photos
 * as are wanted are taken. `onPhoto(file)` takes a photo and says whether there is room for another; `onCodes(codes)` is
 * told what `readCodes` sees and answers with what to tell the inspector, if anything; `onDone` is told when the last view
 * was taken, `onEnd` when the camera is closed for whatever reason, after `onDone`. Resolves to false where there is no
 * camera, or it may not be used.
 */
export async function guide({ views, onPhoto, onCodes, onDone, onEnd = () => {} }) {
  if (isOpen()) return true;
  const stream = await open(kept().device);
  if (!stream) return false;
  if (isOpen()) {
    for (const track of stream.getTracks()) track.stop();
    return true;
  }
  new Guide(stream, views, { onPhoto, onCodes, onDone, onEnd }).show();
  return true;
}

class Guide {
  constructor(stream, views, told) {
    Object.assign(this, { stream, views, ...told, looks: 0, reading: false, at: 0, taken: 0, insists: false, busy: false, wrong: null });
    this.small = document.createElement("canvas");
    this.large = document.createElement("canvas");
    this.code = el("p", { class: "camera-code", role: "status", "aria-live": "polite" });
    this.video = el("video", { playsinline: true, muted: true, autoplay: true });
    this.video.muted = true;
    this.ready = new Promise((resolve) => this.video.addEventListener("loadeddata", resolve, { once: true }));
    this.outline = svg("svg", { class: "camera-outline", "aria-hidden": "true" });
    // A tablet that is turned turns the picture.
    this.video.addEventListener("resize", () => frame(this.outline, this.video.videoWidth, this.video.videoHeight));
    this.step = el("p", { class: "camera-step" });
    this.advice = el("p", { class: "camera-advice", role: "status", "aria-live": "polite" });
    this.shutter = el("button", { type: "button", class: "shutter", id: "shutter", onclick: () => this.take() }, el("span", {}));
    this.tools = el("div", { class: "camera-tools" });
    this.strip = el("ul", { class: "camera-strip", "aria-label": t("station.photos") });
    this.dialog = el("dialog", { class: "camera", "aria-label": t("station.camera") },
      el("div", { class: "camera-frame" }, this.video, this.outline),
      el("header", {}, this.step, this.code, this.advice),
      el("footer", {}, this.tools, this.shutter, el("div", { class: "camera-end" },
        el("button", { type: "button", id: "camera-skip", onclick: () => this.skip() }, t("station.camera_skip")),
        el("button", { type: "button", id: "camera-done", onclick: () => this.close() }, t("station.camera_close")))),
      this.strip);
    this.dialog.addEventListener("close", () => this.end());
    this.dialog.querySelector("#camera-skip").hidden = !views.length;
  }

  async show() {
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.write();
    await this.use(this.stream);
    this.shutter.focus();
    this.timer = setInterval(() => this.look(), JUDGED_EVERY_MS);
  }

  /** Take over another camera, as it was set up here before. */
  async use(stream) {
    this.stream = stream;
    this.track = stream.getVideoTracks()[0]; // first of all: a tap may come before the picture moves
    this.video.srcObject = stream;
    await this.video.play().catch(() => {});
    // A lid that is closed or a cable that is pulled ends the picture; there is nothing to take then.
    this.track.addEventListener("ended", () => this.close());
    const can = this.track.getCapabilities?.() ?? {};
    const { zoom, torch } = kept();
    if (can.zoom && zoom) await this.set({ zoom: Math.min(Math.max(zoom, can.zoom.min), can.zoom.max) });
    if (can.torch && torch) await this.set({ torch });
    await this.offer(can);
  }

  /** Torch, zoom and choice of camera, as far as there is one. */
  async offer(can) {
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "videoinput");
    const { deviceId } = this.track.getSettings();
    const torch = can.torch && el("button", { type: "button", id: "torch", "aria-pressed": String(kept().torch ?? false), onclick: async (event) => {
      const on = event.target.getAttribute("aria-pressed") !== "true";
      event.target.setAttribute("aria-pressed", String(on));
      await this.set({ torch: on });
    } }, t("station.camera_torch"));
    const zoom = can.zoom && can.zoom.max > can.zoom.min && el("label", {}, el("span", {}, t("station.camera_zoom")),
      el("input", { type: "range", id: "zoom", min: can.zoom.min, max: can.zoom.max, step: can.zoom.step || "any", value: this.track.getSettings().zoom,
        oninput: (event) => this.set({ zoom: Number(event.target.value) }) }));
    const choice = cameras.length > 1 && el("label", {}, el("span", {}, t("station.camera_choice")),
      el("select", { id: "camera-choice", onchange: (event) => this.change(event.target.value) }, ...cameras.map((one, index) =>
        el("option", { value: one.deviceId, selected: one.deviceId === deviceId }, one.label || t("station.camera_number", { number: index + 1 })))));
    this.tools.replaceChildren(...[torch, zoom, choice].filter(Boolean));
  }

  async set(wanted) {
    keep(wanted);
    await this.track.applyConstraints({ advanced: [wanted] }).catch(() => {});
  }

  async change(device) {
    keep({ device });
    for (const track of this.stream.getTracks()) track.stop();
    const stream = await open(device);
    if (stream) await this.use(stream);
    else this.close();
  }

  write() {
    const { views, at } = this;
    this.step.replaceChildren(views.length ? el("strong", {}, `${at + 1} / ${views.length}`) : "",
      el("span", {}, views[at] ?? t("station.camera_any")));
    this.shutter.setAttribute("aria-label", views.length ? t("station.camera_take_view", { view: views[at] }) : t("station.camera_take"));
  }

  /** What is wrong with what the camera sees, told while there is time to mend it. */
  look() {
    if (this.busy || !this.video.videoWidth) return;
    this.tell(judge(this.draw(this.small, SIDE, this.video, this.video.videoWidth, this.video.videoHeight)));
    if (this.looks++ % READ_EVERY === 0 && !this.reading) this.read();
  }

  /** Tell which codes are before the camera. */
  async read() {
    this.reading = true;
    const codes = await readCodes(this.draw(this.large, READ_SIDE, this.video, this.video.videoWidth, this.video.videoHeight));
    this.reading = false;
    const said = codes.length && this.dialog.open ? this.onCodes(codes) : null;
    if (!said) return;
    this.code.textContent = said;
    navigator.vibrate?.(40);
  }

  tell(wrong) {
    if (wrong !== this.wrong) this.insists = false;
    this.wrong = wrong;
    this.dialog.dataset.wrong = wrong ?? "";
    const words = wrong ? t(`station.camera_${wrong}`) : t("station.camera_good");
    const said = wrong && this.insists ? `${words} ${t("station.camera_anyway")}` : words;
    if (this.advice.textContent !== said) this.advice.textContent = said;
  }

  /** `source` in `canvas`, its long side made no longer than `side`. */
  draw(canvas, side, source, width, height) {
    const scale = Math.min(1, side / Math.max(width, height));
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  /** Take what the camera sees. What would have to be taken again is not, unless the inspector insists. */
  async take() {
    if (this.busy) return;
    this.busy = true;
    await this.ready; // a tap that comes before the first picture is not lost
    const blob = await this.still();
    const picture = await createImageBitmap(blob);
    const wrong = judge(this.draw(this.small, SIDE, picture, picture.width, picture.height));
    picture.close();
    this.busy = false;
    if (wrong && !(this.insists && wrong === this.wrong)) {
      Object.assign(this, { wrong, insists: true });
      this.tell(wrong);
      navigator.vibrate?.([80, 60, 80]);
      return;
    }
    this.insists = false;
    navigator.vibrate?.(40);
    if (!this.taken) noteUse(true);
    this.taken += 1;
    const room = this.onPhoto(new File([blob], `photo-${this.taken}.jpg`, { type: "image/jpeg" }));
    this.strip.append(el("li", {}, String(this.taken)));
    if (!room) return this.close();
    if (this.views.length) this.next();
  }

  /** A still of all the pixels that the camera has, else the frame on show. */
  async still() {
    if (typeof ImageCapture === "function") {
      const photo = await new ImageCapture(this.track).takePhoto().catch(() => null);
      if (photo?.type === "image/jpeg") return photo;
    }
    const frame = document.createElement("canvas");
    frame.width = this.video.videoWidth;
    frame.height = this.video.videoHeight;
    frame.getContext("2d").drawImage(this.video, 0, 0);
    return new Promise((resolve) => frame.toBlob(resolve, "image/jpeg", QUALITY));
  }

  skip() {
    this.insists = false;
    this.next();
  }

  next() {
    if (this.at + 1 < this.views.length) {
      this.at += 1;
      this.write();
      return;
    }
    this.close();
    if (this.taken) this.onDone();
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  end() {
    clearInterval(this.timer);
    for (const track of this.stream.getTracks()) track.stop();
    this.dialog.remove();
    this.onEnd();
  }
}

/** Where the item belongs in a picture of that size: all of it, with a margin. */
function frame(outline, width, height) {
  const margin = Math.min(width, height) * 0.08;
  outline.setAttribute("viewBox", `0 0 ${width} ${height}`);
  outline.replaceChildren(svg("rect", { x: margin, y: margin, width: width - 2 * margin, height: height - 2 * margin, rx: margin / 3 }));
}

function open(device) {
  const size = { width: { ideal: 4096 }, height: { ideal: 3072 } };
  const video = device ? { deviceId: { exact: device }, ...size } : { facingMode: { ideal: "environment" }, ...size };
  return navigator.mediaDevices.getUserMedia({ video }).catch((error) => {
    // The camera that was chosen is gone: any other will do.
    return device && error.name !== "NotAllowedError" ? open(null) : null;
  });
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

const keep = (wanted) => localStorage.setItem(KEPT, JSON.stringify({ ...kept(), ...wanted }));
