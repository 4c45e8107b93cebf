// What a feature looks for, painted through the layers below it: `reconstruct` in rstdp/show/reconstruction.py.
"use strict";

function livePaint(network) {
  /** Lay pictures (C, size, size) on a plane, each where its weight (C, K, K, of map f) looks; C of them are added. */
  function laid(pictures, size, layer, feature, step, subtract) {
    const { window, channels, weight, maps } = layer, side = size + (window - 1) * step;
    const out = new Float32Array(side * side);
    const middle = subtract ? median(layer, feature) : 0;
    for (let c = 0; c < channels; c++) {
      for (let tap = 0; tap < window * window; tap++) {
        const share = weight[(c * window * window + tap) * maps + feature] - middle;
        if (share === 0) continue;
        const top = Math.floor(tap / window) * step, left = (tap % window) * step;
        for (let y = 0, from = c * size * size; y < size; y++) {
          for (let x = 0, to = (top + y) * side + left; x < size; x++) out[to++] += share * pictures[from++];
        }
      }
    }
    return out;
  }

  /** Of an even number of weights, the lower of the two in the middle. */
  function median({ weight, maps }, feature) {
    const own = Float32Array.from({ length: weight.length / maps }, (_, tap) => weight[tap * maps + feature]).sort();
    return own[Math.floor((own.length - 1) / 2)];
  }

  /** Pictures (C, size, size) averaged over a pooling window whose cells are `step` pixels apart. */
  function averaged(pictures, size, pool, step) {
    const side = size + (pool - 1) * step, count = pictures.length / size ** 2;
    const out = new Float32Array(count * side * side);
    for (let c = 0; c < count; c++) {
      for (let cell = 0; cell < pool * pool; cell++) {
        const top = Math.floor(cell / pool) * step, left = (cell % pool) * step;
        for (let y = 0; y < size; y++) {
          for (let x = 0; x < size; x++) {
            out[(c * side + top + y) * side + left + x] += pictures[(c * size + y) * size + x] / pool ** 2;
          }
        }
      }
    }
    return out;
  }

  function all(layer, painted) {
    const pictures = Array.from({ length: layer.maps }, (_, feature) => painted(feature)), size = pictures[0].length;
    const out = new Float32Array(layer.maps * size);
    pictures.forEach((picture, feature) => out.set(picture, feature * size));
    return out;
  }

  const s1 = feature => laid(network.kernels, 13, network.s1, feature, 1, false); // 17 x 17
  const ofS1 = averaged(all(network.s1, s1), 17, 2, 1); // 18 x 18
  const s2 = feature => laid(ofS1, 18, network.s2, feature, 2, true); // 22 x 22
  const ofS2 = averaged(all(network.s2, s2), 22, 3, 2); // 26 x 26
  const s3 = (feature, layer = network.s3) => laid(ofS2, 26, layer, feature, 6, true); // 50 x 50

  return { s1, s2, s3 };
}

if (typeof module === "object") module.exports = livePaint;
