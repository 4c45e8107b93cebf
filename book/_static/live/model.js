// The trained network, in the names and the order of the Python package `rstdp`. No page in here: it runs in a worker,
// in the page and in Node alike.
//
// Spike times are Uint8Arrays (C, H, W) with their shape, 0..bins-1, and `bins` for silent. Exactness: JavaScript's
// numbers are float64, so sums of weights on a grid of 2**-40 are exact in any order, as in `rstdp/layers.py`; where
// Python rounds to float32, Math.fround does here. Weights are (C, KH, KW, F): the feature maps of one input lie together.
"use strict";

function liveModel() {
  // --- encoding: from pixels to spike times (chapter 1) ------------------------------------------------------------

  const { fround } = Math;
  const BINS = 15;
  const SILENT = -1; // the map, and the decision, where no neuron of S3 received a spike

  /** Spike times, or other numbers, with their shape (channels, height, width). */
  function grid(data, channels, height, width = height) {
    return { data, channels, height, width };
  }

  /** Convolve one channel (H, W) with a kernel (K, K), zero padded, tap after tap, each step rounded to float32 once. */
  function inOrder(image, height, width, kernel, size, wanted = null) {
    const total = new Float32Array(height * width), half = (size - 1) / 2;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (wanted && !(wanted[y * width + x] > 0)) continue;
        let sum = 0;
        for (let row = Math.max(0, half - y); row < Math.min(size, height + half - y); row++) {
          const from = (y + row - half) * width + x - half, taps = row * size;
          const last = Math.min(size, width + half - x);
          for (let column = Math.max(0, half - x); column < last; column++) {
            const value = image[from + column];
            if (value !== 0) sum = fround(sum + kernel[taps + column] * value); // a fused multiply-add
          }
        }
        total[y * width + x] = sum;
      }
    }
    return total;
  }

  /** Filter an image (28 x 28), 0..255, with kernels (6, K, K); responses under the threshold are dropped. */
  function dogFilter(image, kernels, threshold = 50) {
    const side = Math.sqrt(image.length), size = Math.sqrt(kernels.length / 6);
    const pixels = Float32Array.from(image, value => fround(fround(value / 255) * 255)); // the oracle's ToTensor and back
    const responses = new Float32Array(6 * side * side);
    for (let c = 0; c < 6; c++) {
      const kernel = kernels.subarray(c * size * size, (c + 1) * size * size);
      const channel = inOrder(pixels, side, side, kernel, size);
      for (let i = 0; i < channel.length; i++) {
        responses[c * side * side + i] = channel[i] < threshold ? 0 : channel[i];
      }
    }
    return grid(responses, 6, side);
  }

  /** Divide each response by the mean of its channel in the (2 radius + 1)-wide square around it. */
  function localNormalisation(responses, radius = 8, eps = 1e-12) {
    const { channels, height, width } = responses, size = 2 * radius + 1, area = height * width;
    const square = new Float32Array(size * size).fill(1 / (size * size)), out = new Float32Array(channels * area);
    for (let c = 0; c < channels; c++) {
      const channel = responses.data.subarray(c * area, (c + 1) * area);
      const mean = inOrder(channel, height, width, square, size, channel);
      for (let i = 0; i < area; i++) {
        if (channel[i] > 0) out[c * area + i] = channel[i] / fround(mean[i] + fround(eps));
      }
    }
    return grid(out, channels, height, width);
  }

  /** Rank the positive values, largest first, into `bins` equally full time bins; what is left over never fires. */
  function intensityToLatency(values, bins = BINS) {
    const order = [], times = new Uint8Array(values.data.length).fill(bins);
    values.data.forEach((value, i) => { if (value > 0) order.push(i); });
    order.sort((a, b) => values.data[b] - values.data[a]); // stable: equal values keep raster order
    const perBin = Math.max(1, Math.floor(order.length / bins));
    order.forEach((index, rank) => { times[index] = Math.min(bins, Math.floor(rank / perBin)); });
    return grid(times, values.channels, values.height, values.width);
  }

  /** An image (28 x 28), 0..255 -> spike times (6, 28, 28). */
  function encode(image, kernels, bins = BINS) {
    return intensityToLatency(localNormalisation(dogFilter(image, kernels)), bins);
  }

  // --- layers: spiking convolution and pooling (chapters 2 and 3) --------------------------------------------------

  const GRID = 2 ** 40, EVEN = 2 ** 52;
  const BAND = 2 ** -14; // potentials this close to a threshold are decided by the oracle's float32 sum

  /** A weight as a multiple of 2**-40, half to even: sums of such weights are exact in any order. */
  function onGrid(weight) {
    return (weight * GRID + EVEN - EVEN) / GRID;
  }

  /** Weights in Python's order (F, C, K, K) -> a layer with weights (C, K, K, F). */
  function layer(weight, maps, window, padding, threshold, pool, stride) {
    const taps = weight.length / maps, last = new Float32Array(weight.length);
    for (let f = 0; f < maps; f++) {
      for (let tap = 0; tap < taps; tap++) last[tap * maps + f] = onGrid(weight[f * taps + tap]);
    }
    return { weight: last, maps, window, padding, threshold, pool, stride, channels: taps / window ** 2 };
  }

  /** Height or width behind a convolution. */
  function outSize(size, { window, padding }) {
    return size + 2 * padding - window + 1;
  }

  /** The inputs that spike, ordered by time: events[t] are indices into (C, H, W). */
  function sortEvents(times, bins = BINS) {
    const events = Array.from({ length: bins }, () => []);
    times.data.forEach((t, index) => { if (t < bins) events[t].push(index); });
    return events;
  }

  /** Add the weights of one spiking input to the potentials (positions, F) that it reaches, and mark these positions. */
  function addEvent(index, times, layer, potential, touched) {
    const { height, width } = times, { weight, maps, window, padding } = layer;
    const channel = Math.floor(index / (height * width)), y = Math.floor(index / width) % height, x = index % width;
    const outHeight = outSize(height, layer), outWidth = outSize(width, layer);
    for (let ky = 0; ky < window; ky++) {
      const row = y + padding - ky;
      if (row < 0 || row >= outHeight) continue;
      for (let kx = 0; kx < window; kx++) {
        const column = x + padding - kx;
        if (column < 0 || column >= outWidth) continue;
        const place = row * outWidth + column;
        const to = place * maps, from = ((channel * window + ky) * window + kx) * maps;
        for (let f = 0; f < maps; f++) potential[to + f] += weight[from + f];
        touched[place] = 1;
      }
    }
  }

  /** Show the potentials (positions, F) float64 of every step to `look(t, potential, touched)`. */
  function stepThrough(times, layer, look, bins = BINS) {
    const places = outSize(times.height, layer) * outSize(times.width, layer);
    const potential = new Float64Array(places * layer.maps), touched = new Uint8Array(places);
    sortEvents(times, bins).forEach((events, t) => {
      touched.fill(0);
      for (const index of events) addEvent(index, times, layer, potential, touched);
      look(t, potential, touched);
    });
    return potential;
  }

  /** Call `tap(ky, kx, channel, spike time)` for every input of a receptive field: by row, column, then channel. */
  function receptiveField(times, layer, row, column, tap) {
    const { channels, height, width, data } = times, { window, padding } = layer;
    for (let ky = 0; ky < window; ky++) {
      const y = row - padding + ky;
      if (y < 0 || y >= height) continue;
      for (let kx = 0; kx < window; kx++) {
        const x = column - padding + kx;
        if (x < 0 || x >= width) continue;
        for (let c = 0; c < channels; c++) tap(ky, kx, c, data[(c * height + y) * width + x]);
      }
    }
  }

  /** The weight between one map and one input of its window. */
  function at(layer, feature, ky, kx, channel) {
    return ((channel * layer.window + ky) * layer.window + kx) * layer.maps + feature;
  }

  /** The potential of one neuron at step t as torch's float32 convolution sums it: by row, column, then channel. */
  function float32Potential(times, layer, feature, row, column, t) {
    const { channels, height, width, data } = times, { weight, maps, window, padding } = layer;
    const area = height * width, taps = window * window * maps, top = row - padding, left = column - padding;
    let total = 0; // the loops of `receptiveField` once more: most of the time of an image is spent here
    for (let ky = Math.max(0, -top); ky < Math.min(window, height - top); ky++) {
      for (let kx = Math.max(0, -left); kx < Math.min(window, width - left); kx++) {
        let input = (top + ky) * width + left + kx, from = (ky * window + kx) * maps + feature;
        for (let c = 0; c < channels; c++, input += area, from += taps) {
          if (data[input] <= t) total = fround(total + weight[from]);
        }
      }
    }
    return total;
  }

  /** The potential of one neuron at every step: its staircase. */
  function potentialsOf(times, layer, feature, row, column, bins = BINS) {
    const added = new Float64Array(bins);
    receptiveField(times, layer, row, column, (ky, kx, channel, time) => {
      if (time < bins) added[time] += layer.weight[at(layer, feature, ky, kx, channel)];
    });
    for (let t = 1; t < bins; t++) added[t] += added[t - 1];
    return added;
  }

  /** Spike times (C, H, W) of the input -> (F, H', W') of the neurons: the first step strictly above the threshold. */
  function convTimes(times, layer, bins = BINS) {
    const { maps, threshold } = layer, width = outSize(times.width, layer), height = outSize(times.height, layer);
    const fired = new Uint8Array(height * width * maps).fill(bins), limit = fround(threshold);
    const judged = new Float64Array(fired.length); // the potential near the threshold that did not fire
    stepThrough(times, layer, (t, potential, touched) => {
      for (let place = 0; place < touched.length; place++) {
        if (!touched[place]) continue;
        for (let f = 0, i = place * maps; f < maps; f++, i++) {
          const now = potential[i];
          if (now < threshold - BAND || fired[i] !== bins || now === judged[i]) continue;
          judged[i] = now;
          const fires = now > threshold + BAND ||
            float32Potential(times, layer, f, Math.floor(place / width), place % width, t) > limit;
          if (fires) fired[i] = t;
        }
      }
    }, bins);
    const out = new Uint8Array(fired.length), places = height * width;
    for (let i = 0; i < fired.length; i++) out[(i % maps) * places + Math.floor(i / maps)] = fired[i];
    return grid(out, maps, height, width);
  }

  /** Potentials (F, positions) float64 after the last step: what an infinite threshold leaves to read out. */
  function finalPotentials(times, layer, bins = BINS) {
    const last = stepThrough(times, layer, () => {}, bins), places = last.length / layer.maps;
    const out = new Float64Array(last.length);
    for (let i = 0; i < last.length; i++) out[(i % layer.maps) * places + Math.floor(i / layer.maps)] = last[i];
    return out;
  }

  /** Earliest-spike pooling: the minimum of a window; an incomplete window at the border is dropped. */
  function poolFirstSpike(times, window, stride) {
    const height = Math.floor((times.height - window) / stride) + 1;
    const width = Math.floor((times.width - window) / stride) + 1;
    const out = new Uint8Array(times.channels * height * width).fill(255);
    for (let i = 0; i < out.length; i++) {
      const channel = Math.floor(i / (height * width)), row = Math.floor(i / width) % height, column = i % width;
      for (let y = row * stride; y < row * stride + window; y++) {
        for (let x = column * stride; x < column * stride + window; x++) {
          out[i] = Math.min(out[i], times.data[(channel * times.height + y) * times.width + x]);
        }
      }
    }
    return grid(out, times.channels, height, width);
  }

  // --- competition: the winner of S3 (chapter 6) -------------------------------------------------------------------

  /** The neuron of S3 with the highest potential, of equals the first; map SILENT where no input spikes. */
  function winner(c2, layer, bins = BINS) {
    if (c2.data.every(t => t >= bins)) return { feature: SILENT, row: 0, column: 0, potential: 0 };
    const potentials = finalPotentials(c2, layer, bins), width = outSize(c2.width, layer);
    const places = potentials.length / layer.maps;
    let best = 0;
    for (let i = 1; i < potentials.length; i++) if (potentials[i] > potentials[best]) best = i;
    const place = best % places;
    return { feature: Math.floor(best / places), row: Math.floor(place / width), column: place % width,
      potential: potentials[best] };
  }

  // --- plasticity: how a weight changes (chapters 4 and 6) ---------------------------------------------------------

  const RATES = { rewardPlus: 0.004, rewardMinus: -0.003, punishPlus: 0.0005, punishMinus: -0.004, low: 0.2, high: 0.8 };

  /** (plus, minus) for a rewarded and for a punished winner. */
  function rewardRates(phi, rates = RATES) {
    return { reward: [rates.rewardPlus * phi[0], rates.rewardMinus * phi[0]],
      punish: [rates.punishMinus * phi[1], rates.punishPlus * phi[1]] };
  }

  /** Change the weights of one winner in place: `plus` for inputs that have spiked, `minus` for the others and for what
   * lies beyond the border, within the bounds. The change is added as it is (`additive`). */
  function learn(layer, c2, winner, [plus, minus], bins = BINS, rates = RATES) {
    const { weight, maps, window } = layer, gain = fround(plus), loss = fround(minus);
    const change = new Float32Array(weight.length / maps).fill(loss);
    receptiveField(c2, layer, winner.row, winner.column, (ky, kx, channel, time) => {
      if (time <= bins - 1) change[(channel * window + ky) * window + kx] = gain;
    });
    for (let tap = 0, i = winner.feature; tap < change.length; tap++, i += maps) {
      weight[i] = Math.min(fround(rates.high), Math.max(fround(rates.low), fround(weight[i] + change[tap])));
    }
  }

  // --- learning: one lesson (chapter 6) ----------------------------------------------------------------------------

  /** Show spike times of C2 once with a judgement, "reward", "punish" or "neutral"; returns the winner. */
  function learnRstdp(layer, c2, judge, phi = [1, 1]) {
    const found = winner(c2, layer), judgement = judge(found);
    if (found.feature !== SILENT && judgement !== "neutral") learn(layer, c2, found, rewardRates(phi)[judgement]);
    return found;
  }

  // --- network (chapters 5 and 7) ----------------------------------------------------------------------------------

  /** Random initial weights of S3, mean 0.8 and standard deviation 0.05 within the bounds, in Python's order.
   * Numbers come from mulberry32; twelve of them added are nearly normal, and exact in every browser. */
  function initialWeights(count, seed, rates = RATES) {
    const weight = new Float32Array(count);
    let state = seed >>> 0;
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let n = 0; n < 12; n++) {
        state = (state + 0x6D2B79F5) >>> 0;
        let x = Math.imul(state ^ (state >>> 15), state | 1);
        x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
        sum += (x ^ (x >>> 14)) >>> 0;
      }
      const value = fround(0.8 + 0.05 * (sum / 2 ** 32 - 6));
      weight[i] = Math.min(fround(rates.high), Math.max(fround(rates.low), value));
    }
    return weight;
  }

  class Network {
    /** weights: what weights.js holds, unpacked: kernels, s1, s2 float32 and s3 in levels of 8 bits. */
    constructor({ kernels, s1, s2, s3 }, classes = 10) {
      this.kernels = kernels;
      this.s1 = layer(s1, 30, 5, 2, 15, 2, 2);
      this.s2 = layer(s2, 250, 3, 1, 10, 3, 3);
      this.s3 = layer(s3, s3.length / 6250, 5, 2, Infinity);
      this.classes = classes;
    }

    /** The same S1 and S2 before a fresh S3 with so many maps for each class. */
    fresh(classes, mapsPerClass, seed) {
      const network = Object.create(this);
      network.s3 = layer(initialWeights(classes * mapsPerClass * 6250, seed), classes * mapsPerClass, 5, 2, Infinity);
      network.classes = classes;
      return network;
    }

    /** Spike times of every layer behind those of the input. */
    forward(input, { s1 = this.s1.threshold, s2 = this.s2.threshold } = {}) {
      const times = { input };
      times.s1 = convTimes(input, { ...this.s1, threshold: s1 });
      times.c1 = poolFirstSpike(times.s1, this.s1.pool, this.s1.stride);
      times.s2 = convTimes(times.c1, { ...this.s2, threshold: s2 });
      times.c2 = poolFirstSpike(times.s2, this.s2.pool, this.s2.stride);
      return times;
    }

    /** An image (28 x 28) -> spike times of every layer. */
    layers(image, thresholds = {}) {
      return this.forward(encode(image, this.kernels), thresholds);
    }

    /** What a winner stands for: blocks of maps, 0 0 ... 9 9. */
    classOf({ feature }) {
      return feature === SILENT ? SILENT : Math.floor(feature * this.classes / this.s3.maps);
    }

    decide(c2) {
      return this.classOf(winner(c2, this.s3));
    }

    classify(image) {
      return this.decide(this.layers(image).c2);
    }
  }

  return { BINS, SILENT, RATES, Network, grid, dogFilter, localNormalisation, intensityToLatency, encode, outSize, at,
    stepThrough, receptiveField, potentialsOf, convTimes, finalPotentials, poolFirstSpike, winner, rewardRates, learn,
    learnRstdp, initialWeights };
}

if (typeof module === "object") module.exports = liveModel;
