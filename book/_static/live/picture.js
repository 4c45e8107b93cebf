// One's own drawing, prepared as MNIST prepares its digits: the last step of `load_image`, `centred` in
// rstdp/images/picture.py, with Pillow's way of shrinking a picture. The pad's ink needs no steps before.
"use strict";

function livePicture() {
  const SIDE = 280; // pixels of the pad

  const even = x => Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x); // halves, as Python rounds them

  function lanczos(x) {
    const sinc = value => value === 0 ? 1 : Math.sin(value * Math.PI) / (value * Math.PI);
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  }

  /** For each new pixel, the first old one that it is made of, and the weights of these, in units of 2**-22. */
  function coefficients(length, wanted) {
    const scale = length / wanted, stretch = Math.max(scale, 1), support = 3 * stretch;
    return Array.from({ length: wanted }, (_, i) => {
      const centre = (i + 0.5) * scale;
      const first = Math.max(0, Math.trunc(centre - support + 0.5));
      const count = Math.min(length, Math.trunc(centre + support + 0.5)) - first;
      const weights = Array.from({ length: count }, (_, x) => lanczos((x + first - centre + 0.5) / stretch));
      const sum = weights.reduce((a, b) => a + b, 0);
      return { first, weights: weights.map(weight => {
        const share = weight / sum * 2 ** 22;
        return Math.trunc(share + (share < 0 ? -0.5 : 0.5));
      }) };
    });
  }

  /** Lines of pixels made longer or shorter; then rows and columns change places, so that twice is a whole picture. */
  function resizedLines({ pixels, width, height }, wanted) {
    const out = new Uint8Array(wanted * height);
    if (wanted === width) {
      for (let i = 0; i < pixels.length; i++) out[(i % width) * height + Math.floor(i / width)] = pixels[i];
      return { pixels: out, width: height, height: wanted };
    }
    coefficients(width, wanted).forEach(({ first, weights }, x) => {
      for (let y = 0; y < height; y++) {
        let sum = 2 ** 21;
        weights.forEach((weight, i) => { sum += weight * pixels[y * width + first + i]; });
        out[x * height + y] = Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)));
      }
    });
    return { pixels: out, width: height, height: wanted };
  }

  /** A picture made smaller or larger. Like Pillow since its version 13, what is tall is first shrunk in height. */
  function resized(picture, width, height) {
    const turned = each => resizedLines(each, each.width);
    return picture.height > 2 * picture.width ? turned(resizedLines(resizedLines(turned(picture), height), width))
      : resizedLines(resizedLines(picture, width), height);
  }

  /** The part of a picture that is brighter than 64 of 255, or null where nothing is. */
  function box(ink, side) {
    let top = side, bottom = -1, left = side, right = -1;
    ink.forEach((value, i) => {
      if (value <= 64) return;
      const y = Math.floor(i / side), x = i % side;
      [top, bottom, left, right] = [Math.min(top, y), Math.max(bottom, y), Math.min(left, x), Math.max(right, x)];
    });
    if (bottom < 0) return null;
    const width = right - left + 1, height = bottom - top + 1, pixels = new Uint8Array(width * height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) pixels[y * width + x] = ink[(top + y) * side + left + x];
    }
    return { pixels, width, height };
  }

  /** Ink (side x side), 0..255 -> 28 x 28 as MNIST's: 20 pixels large, its centre of mass in the middle. */
  function centred(ink, side = SIDE) {
    const canvas = new Uint8Array(784), most = ink.reduce((a, b) => Math.max(a, b), 0);
    if (!most) return canvas;
    const whole = box(Float64Array.from(ink, value => value * (255 / most)), side);
    const scale = 20 / Math.max(whole.width, whole.height);
    const wanted = [whole.width, whole.height].map(length => Math.max(1, even(length * scale)));
    const { pixels, width, height } = resized(whole, ...wanted);
    let small = Float64Array.from(pixels);
    const top = small.reduce((a, b) => Math.max(a, b), 0);
    if (top < 250) { // thin strokes have lost contrast
      const bright = small.filter(value => value > Math.min(64, top / 2)).sort(), at = 0.9 * (bright.length - 1);
      const low = bright[Math.floor(at)], high = bright[Math.ceil(at)];
      const reached = low + (high - low) * (at - Math.floor(at));
      small = small.map(value => Math.min(255, Math.max(0, value * (255 / reached))));
    }
    let mass = 0, down = 0, across = 0;
    small.forEach((value, i) => {
      const weight = value + 1e-9;
      mass += weight;
      down += weight * (Math.floor(i / width) + 0.5);
      across += weight * (i % width + 0.5);
    });
    const start = (centre, length) => Math.min(Math.max(0, even(14 - centre)), 28 - length);
    const row = start(down / mass, height), column = start(across / mass, width);
    small.forEach((value, i) => { canvas[(row + Math.floor(i / width)) * 28 + column + i % width] = value; });
    return canvas;
  }

  /** Ink (280 x 280) -> 28 x 28 where it stands: each pixel the mean of a hundred. */
  function asDrawn(ink) {
    const sums = new Float64Array(784);
    ink.forEach((value, i) => { sums[Math.floor(i / SIDE / 10) * 28 + Math.floor((i % SIDE) / 10)] += value; });
    return Uint8Array.from(sums, sum => Math.round(sum / 100));
  }

  /** An image (28 x 28) moved to the right and down; what leaves it is lost. */
  function moved(image, right, down) {
    const out = new Uint8Array(784);
    image.forEach((value, i) => {
      const x = i % 28 + right, y = Math.floor(i / 28) + down;
      if (x >= 0 && x < 28 && y >= 0 && y < 28) out[28 * y + x] = value;
    });
    return out;
  }

  /** Draw a line with a round pen into ink (280 x 280), in place. */
  function stroke(ink, x0, y0, x1, y1, radius = 12) {
    const dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy, reach = radius + 1;
    const from = (a, b) => Math.max(0, Math.floor(Math.min(a, b) - reach));
    const to = (a, b) => Math.min(SIDE - 1, Math.ceil(Math.max(a, b) + reach));
    for (let y = from(y0, y1); y <= to(y0, y1); y++) {
      for (let x = from(x0, x1); x <= to(x0, x1); x++) {
        const along = length ? Math.min(1, Math.max(0, ((x + 0.5 - x0) * dx + (y + 0.5 - y0) * dy) / length)) : 0;
        const away = Math.hypot(x + 0.5 - x0 - along * dx, y + 0.5 - y0 - along * dy);
        const value = 255 * Math.min(1, Math.max(0, radius + 0.5 - away));
        if (value > ink[y * SIDE + x]) ink[y * SIDE + x] = value;
      }
    }
  }

  return { SIDE, centred, asDrawn, moved, stroke };
}

if (typeof module === "object") module.exports = livePicture;
