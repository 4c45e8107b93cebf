// Unpacks what weights.js and digits.js hold: bytes that were deflated and written in base64.
"use strict";

function liveData() {
  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /** Weights as `Network` takes them. S3's are levels of 8 bits between its bounds, in bytes. */
  async function weights({ kernels, s1, s2, s3, low, high }) {
    const [first, second, third, fourth] = await Promise.all([kernels, s1, s2, s3].map(unpack));
    const float32 = bytes => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    return { kernels: float32(first), s1: float32(second), s2: float32(third),
      s3: Float32Array.from(fourth, level => low + level * (high - low) / 255) };
  }

  /** Images {pixels, label} for lessons, and held-out ones that also say which inputs of S3 have spiked: (250, 4, 4). */
  async function digits({ lessons, heldOut }) {
    const images = async ({ pixels, labels, spiked }) => {
      const bytes = await unpack(pixels), bits = spiked && await unpack(spiked);
      return labels.map((label, i) => ({ label, pixels: bytes.subarray(784 * i, 784 * (i + 1)),
        spiked: bits && Uint8Array.from({ length: 4000 }, (_, n) => bits[500 * i + (n >> 3)] >> (7 - (n & 7)) & 1) }));
    };
    return { lessons: await images(lessons), heldOut: await images(heldOut) };
  }

  return { weights, digits, unpack };
}

if (typeof module === "object") module.exports = liveData;
