// SHA-256 (FIPS 180-4) of a file, in hex. Browsers have it for pages over HTTPS alone, and a bench may well reach the
// service over plain HTTP: there it is worked out here, which takes some 20 ms a megabyte.

const primes = (count) => {
  const found = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime)) found.push(n);
  return found;
};
/** The first 32 bits of a fraction. */
const bits = (number) => ((number - Math.floor(number)) * 2 ** 32) | 0;
const FIRST = primes(8).map((prime) => bits(Math.sqrt(prime)));
const ROUND = primes(64).map((prime) => bits(Math.cbrt(prime)));
const STEP = 256 * 1024;

export async function sha256(file) {
  const data = new Uint8Array(await file.arrayBuffer());
  return hex(globalThis.crypto.subtle ? new Uint8Array(await crypto.subtle.digest("SHA-256", data)) : await digest(data));
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Without the browser's help; the page can be used meanwhile. */
export async function digest(data) {
  const whole = data.length - (data.length % 64);
  const tail = new Uint8Array(data.length % 64 < 56 ? 64 : 128);
  tail.set(data.subarray(whole));
  tail[data.length - whole] = 0x80;
  new DataView(tail.buffer).setBigUint64(tail.length - 8, BigInt(data.length) * 8n);
  const state = Int32Array.from(FIRST);
  for (let at = 0; at < whole; at += STEP) {
    blocks(state, data.subarray(at, Math.min(at + STEP, whole)));
    await new Promise((resolve) => setTimeout(resolve));
  }
  blocks(state, tail);
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => out.setInt32(index * 4, word));
  return new Uint8Array(out.buffer);
}

function blocks(state, data) {
  const words = new Int32Array(64), view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at < data.length; at += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + i * 4);
    for (let i = 16; i < 64; i++) {
      const x = words[i - 15], y = words[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      words[i] = words[i - 16] + s0 + words[i - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const one = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i] + words[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, index) => (state[index] += word));
  }
}
