// SHA-256 of a file that is read in chunks (FIPS 180-4, section 6.2). crypto.subtle needs all
// bytes in memory, and does not exist on pages from another machine over plain HTTP.
const CHUNK = 2 ** 20; // bytes
const START = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];
const ROUNDS = Int32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
);

// Add the complete 64-byte blocks of `bytes` to the `state`, eight 32-bit words.
const addBlocks = (state, bytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const k = ROUNDS;
  const w = new Int32Array(64);
  // No destructuring here and in the swaps below: it takes three times as long.
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  for (let at = 0; at + 64 <= bytes.length; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + (g ^ (e & (f ^ g))) + k[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) | (c & (a | b)))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    state[0] = a = (state[0] + a) | 0;
    state[1] = b = (state[1] + b) | 0;
    state[2] = c = (state[2] + c) | 0;
    state[3] = d = (state[3] + d) | 0;
    state[4] = e = (state[4] + e) | 0;
    state[5] = f = (state[5] + f) | 0;
    state[6] = g = (state[6] + g) | 0;
    state[7] = h = (state[7] + h) | 0;
  }
};

// Pad the last bytes: a one bit, zeros, and the length in bits.
const pad = (rest, size) => {
  const bytes = new Uint8Array(rest.length < 56 ? 64 : 128);
  bytes.set(rest);
  bytes[rest.length] = 0x80;
  new DataView(bytes.buffer).setBigUint64(bytes.length - 8, BigInt(size) * 8n);
  return bytes;
};

// Resolve to the SHA-256 of the first `size` bytes of a file, in base64, or to null once
// `isWanted()` is false. Rejects if the file cannot be read.
export const sha256 = async (file, size, isWanted) => {
  const state = Int32Array.from(START);
  let rest = new Uint8Array();
  for (let at = 0; at < size; at += CHUNK) {
    const chunk = await file.slice(at, Math.min(at + CHUNK, size)).arrayBuffer();
    if (!isWanted()) return null;
    const bytes = new Uint8Array(chunk);
    addBlocks(state, bytes);
    rest = bytes.subarray(bytes.length - (bytes.length % 64));
  }
  addBlocks(state, pad(rest, size));
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => digest.setInt32(4 * index, word));
  return btoa(String.fromCharCode(...new Uint8Array(digest.buffer)));
};
