// Barcodes before the camera: read by the browser where it can (Shape Detection), else by zxing-cpp as WebAssembly, which is
// fetched from the service when it is first needed.

const FORMATS = { code_128: "Code128", qr_code: "QRCode", data_matrix: "DataMatrix", ean_13: "EAN13", ean_8: "EAN8", upc_a: "UPCA" };
const RETAIL = new Set(["ean_13", "ean_8", "upc_a"]);
const MOST = 4;
let reader = null;

/** The codes in the picture in `canvas`, as [{text, retail}]: `retail` are those of goods, which no RMA is. Never throws. */
export async function readCodes(canvas) {
  try {
    reader ??= (await native()) ?? (await zxing());
    return await reader(canvas);
  } catch {
    return [];
  }
}

async function native() {
  if (typeof BarcodeDetector !== "function") return null;
  const known = await BarcodeDetector.getSupportedFormats();
  const formats = Object.keys(FORMATS).filter((format) => known.includes(format));
  if (!["code_128", "qr_code", "data_matrix", "ean_13"].every((format) => formats.includes(format))) return null;
  const detector = new BarcodeDetector({ formats });
  return async (canvas) => (await detector.detect(canvas)).map(({ rawValue, format }) => ({ text: rawValue, retail: RETAIL.has(format) }));
}

async function zxing() {
  const at = (name) => new URL(name, import.meta.url).href;
  await new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: at("zxing-reader.js"), onload: resolve, onerror: reject });
    document.head.append(script);
  });
  const { prepareZXingModule, readBarcodes } = globalThis.ZXingWASM;
  await prepareZXingModule({ overrides: { locateFile: at }, fireImmediately: true });
  const names = Object.entries(FORMATS);
  return async (canvas) => {
    const picture = canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, canvas.width, canvas.height);
    const found = await readBarcodes(picture, { formats: names.map(([, name]) => name), maxNumberOfSymbols: MOST });
    return found.filter((one) => one.isValid && one.text).map(({ text, format }) => ({
      text, retail: RETAIL.has(names.find(([, name]) => name === format)?.[0]),
    }));
  };
}
