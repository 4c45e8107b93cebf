// The long work, away from the page: it runs the network and answers one call after the other.
"use strict";

/** `news` tells the page how far a long call has come. */
function liveWorker({ model, data, picture, paint, pupil }, news) {
  const { BINS } = model;
  let network, digits, golden, painted, shown;

  const rest = () => new Promise(resolve => setTimeout(resolve)); // lets other calls come in between

  async function start(weights, images, values) {
    network = new model.Network(await data.weights(weights));
    digits = await data.digits(images);
    golden = values;
    painted = paint(network);
    Object.assign(calls, pupil(model, network, digits, painted.s3, news, rest));
    return golden.samples.map(({ index }) => digits.heldOut[index]);
  }

  // --- watching ----------------------------------------------------------------------------------------------------

  /** The image (28 x 28) that the network gets of a drawing {ink} or of an image {pixels}; settings are those of "Try". */
  function prepared({ ink, pixels }, { contrast = 100, right = 0, down = 0, uncentred, blank }) {
    if (blank) return new Uint8Array(784);
    const plain = pixels ?? (uncentred ? picture.asDrawn(ink) : picture.centred(ink));
    return picture.moved(plain, right, down).map(value => Math.round(value * contrast / 100));
  }

  /** Potentials (F, positions) of S3 at each step, and the largest of each class. */
  function readout(c2) {
    const { s3, classes } = network, places = 16, steps = [], best = [];
    model.stepThrough(c2, s3, (t, potential) => {
      const each = new Float32Array(s3.maps * places), top = new Array(classes).fill(0);
      for (let i = 0; i < potential.length; i++) {
        const feature = i % s3.maps;
        each[feature * places + Math.floor(i / s3.maps)] = potential[i];
        const label = network.classOf({ feature });
        top[label] = Math.max(top[label], potential[i]);
      }
      steps.push(each);
      best.push(top);
    });
    return { steps, best };
  }

  /** How many neurons of each layer fire at each step. */
  function fires(times) {
    return Object.fromEntries(Object.entries(times).map(([name, { data }]) => {
      const counts = new Array(BINS + 1).fill(0);
      for (const t of data) counts[t]++;
      return [name, counts.slice(0, BINS)];
    }));
  }

  /** The same spikes of C2 at other times, drawn by lot. */
  function scrambled(c2) {
    return { ...c2, data: c2.data.map(t => t < BINS ? Math.floor(Math.random() * BINS) : t) };
  }

  /** Show a drawing or an image to the network: spike times of every layer, S3's potentials, the decision. */
  function run(source, settings = {}) {
    const image = prepared(source, settings), started = performance.now(), { s1, s2, scramble } = settings;
    const times = network.layers(image, { s1, s2 });
    if (scramble) times.c2 = scrambled(times.c2);
    const found = model.winner(times.c2, network.s3), decision = network.classOf(found);
    const milliseconds = performance.now() - started;
    shown = { image, times, found, thresholds: { s1: s1 ?? network.s1.threshold, s2: s2 ?? network.s2.threshold } };
    return { image, times, fires: fires(times), ...readout(times.c2), found, decision, milliseconds };
  }

  const at = ({ data, height, width }, c, y, x) => data[(c * height + y) * width + x];

  /** What there is to say of one neuron of the image that was shown last. */
  function neuron(name, feature, row, column) {
    const { times } = shown, own = times[name];
    const about = { name, feature, row, column, time: own ? at(own, feature, row, column) : null,
      map: own?.data.slice(feature * own.height ** 2, (feature + 1) * own.height ** 2) };
    return { ...about, ...(name === "input" ? contrast : name.startsWith("c") ? pooling : spiking)(name, feature, row, column) };
  }

  /** A filter's response and what is left of it; `pixels` is the window (top, left, size) in the image. */
  function contrast(_, feature, row, column) {
    const response = model.dogFilter(shown.image, network.kernels), normal = model.localNormalisation(response);
    return { response: at(response, feature, row, column), value: at(normal, feature, row, column),
      picture: network.kernels.slice(feature * 169, (feature + 1) * 169), size: 13, pixels: [row - 6, column - 6, 13] };
  }

  /** The spike times of which a pooling neuron repeats the first. */
  function pooling(name, feature, row, column) {
    const below = name === "c1" ? "s1" : "s2", { pool, stride } = network[below], seen = [];
    for (let y = row * stride; y < row * stride + pool; y++) {
      for (let x = column * stride; x < column * stride + pool; x++) seen.push(at(shown.times[below], feature, y, x));
    }
    const window = { c1: { size: 17, pixels: [2 * row - 8, 2 * column - 8, 18] },
      c2: { size: 22, pixels: [6 * row - 10, 6 * column - 10, 26] } }[name];
    return { seen, pool, picture: painted[below](feature), ...window };
  }

  /** A potential, the weights (C, K, K) that it sums, and when their inputs spike. */
  function spiking(name, feature, row, column) {
    const layer = network[name], before = shown.times[{ s1: "input", s2: "c1", s3: "c2" }[name]];
    const taps = layer.channels * layer.window ** 2, inputTimes = new Uint8Array(taps).fill(BINS);
    let inputs = 0, heard = 0;
    model.receptiveField(before, layer, row, column, (ky, kx, c, time) => {
      inputTimes[(c * layer.window + ky) * layer.window + kx] = time;
      inputs++;
      heard += time < BINS;
    });
    const about = { potentials: model.potentialsOf(before, layer, feature, row, column), threshold: shown.thresholds[name] ?? Infinity,
      inputs, heard, picture: painted[name](feature) };
    if (name === "s3") {
      return { ...about, label: network.classOf({ feature }), size: 50, pixels: [6 * row - 22, 6 * column - 22, 50],
        map: model.finalPotentials(before, layer).slice(feature * 16, feature * 16 + 16) };
    }
    const weights = Float32Array.from({ length: taps }, (_, tap) => layer.weight[tap * layer.maps + feature]);
    const window = { s1: { size: 17, pixels: [row - 8, column - 8, 17] },
      s2: { size: 22, pixels: [2 * row - 10, 2 * column - 10, 22] } }[name];
    return { ...about, weights, inputTimes, window: layer.window, ...window };
  }

  /** How many of the held-out digits, each moved by so many pixels to one of four sides, are read. */
  async function measure(shift, { s1, s2 } = {}) {
    const images = digits.heldOut.filter((_, i) => i % 2 === 0); // all ten digits
    let right = 0;
    for (const [i, { pixels, label }] of images.entries()) {
      const [across, down] = [[1, 0], [-1, 0], [0, 1], [0, -1]][i % 4];
      const moved = picture.moved(pixels, across * shift, down * shift);
      right += network.decide(network.layers(moved, { s1, s2 }).c2) === label;
      if (i % 5 === 4) news({ about: "measured", done: i + 1, of: images.length });
      await rest();
    }
    return { right, of: images.length };
  }

  // --- checking ----------------------------------------------------------------------------------------------------

  function checksum(bytes) {
    let sum = ~0;
    for (const byte of bytes) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? 0xEDB88320 ^ (sum >>> 1) : sum >>> 1;
    }
    return ~sum >>> 0;
  }

  /** Checksums of every layer's spike times, and the decision, of images (28 x 28). */
  async function examine(images) {
    const found = [];
    for (const pixels of images) {
      const times = network.layers(pixels), sums = Object.entries(times).map(([name, { data }]) => [name, checksum(data)]);
      found.push({ ...Object.fromEntries(sums), decision: network.decide(times.c2) });
      await rest();
    }
    return found;
  }

  /** Does this browser compute what Python computed? [what, how many agree, of how many]. */
  async function check() {
    const rows = ["input", "s1", "c1", "s2", "c2", "decision"].map(name => [name, 0, 0]);
    const found = await examine(golden.samples.map(({ index }) => digits.heldOut[index].pixels));
    golden.samples.forEach((sample, i) => {
      for (const row of rows) {
        row[1] += found[i][row[0]] === sample[row[0]];
        row[2]++;
      }
    });
    const { seed, decisions, weights } = golden.lessons, taught = network.fresh(2, 5, seed);
    const lessons = digits.lessons.filter(({ label }) => label < 2).slice(0, decisions.length);
    let same = 0;
    for (const [i, image] of lessons.entries()) {
      const found = model.learnRstdp(taught.s3, network.layers(image.pixels).c2, found => taught.classOf(found) === image.label ?
        "reward" : "punish");
      same += taught.classOf(found) === decisions[i];
      await rest();
    }
    const out = new Float32Array(taught.s3.weight.length), { maps } = taught.s3;
    for (let i = 0; i < out.length; i++) out[(i % maps) * 6250 + Math.floor(i / maps)] = taught.s3.weight[i];
    const equal = checksum(new Uint8Array(out.buffer)) === weights;
    return [...rows, ["lessons", same, decisions.length], ["weights after them", equal ? out.length : 0, out.length]];
  }

  const calls = { start, run, neuron, measure, examine, check };
  return calls;
}

if (typeof module === "object") module.exports = liveWorker;
