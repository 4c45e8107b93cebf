// The long work, away from the page: it runs the network, keeps the pupil, and answers one call after the other.
"use strict";

function liveWorker(model, data, livePaint, answer) {
  const { SILENT, BINS } = model;
  const EACH = 5; // maps of the pupil's S3 for each digit
  const WINDOW = 20; // lessons over which phi counts
  let network, paint, digits, golden, shown;

  const rest = () => new Promise(resolve => setTimeout(resolve)); // lets other calls come in between

  async function start(weights, images, values) {
    network = new model.Network(await data.weights(weights));
    digits = await data.digits(images);
    golden = values;
    return golden.samples.map(({ index }) => digits.heldOut[index]);
  }

  // --- watching ----------------------------------------------------------------------------------------------------

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

  /** The same spikes of C2 at other times, drawn by lot. */
  function scrambled(c2) {
    return { ...c2, data: c2.data.map(t => t < BINS ? Math.floor(Math.random() * BINS) : t) };
  }

  /** Show an image to the network: spike times of every layer, S3's potentials, the decision. */
  function run(image, { s1, s2, scramble } = {}) {
    const started = performance.now(), thresholds = { s1, s2 };
    const times = network.layers(image, thresholds);
    if (scramble) times.c2 = scrambled(times.c2);
    const found = model.winner(times.c2, network.s3), decision = network.classOf(found);
    const milliseconds = performance.now() - started;
    shown = { image, times, found, thresholds: { s1: s1 ?? network.s1.threshold, s2: s2 ?? network.s2.threshold } };
    return { image, times, ...readout(times.c2), found, decision, milliseconds };
  }

  /** What there is to say of one neuron of the image that was shown last. */
  function neuron(name, feature, row, column) {
    prepare();
    const { times, image } = shown, own = times[name];
    const at = (grid, c, y, x) => grid.data[(c * grid.height + y) * grid.width + x];
    const about = { name, feature, row, column, time: own ? at(own, feature, row, column) : null };
    about.map = own ? own.data.slice(feature * own.height ** 2, (feature + 1) * own.height ** 2) : null;
    if (name === "input") {
      const response = model.dogFilter(image, network.kernels), normal = model.localNormalisation(response);
      return { ...about, response: at(response, feature, row, column), value: at(normal, feature, row, column),
        picture: network.kernels.slice(feature * 169, (feature + 1) * 169), size: 13,
        pixels: [row - 6, column - 6, 13] };
    }
    if (name === "c1" || name === "c2") {
      const below = name === "c1" ? "s1" : "s2", { pool, stride } = network[below], seen = [];
      for (let y = row * stride; y < row * stride + pool; y++) {
        for (let x = column * stride; x < column * stride + pool; x++) seen.push(at(times[below], feature, y, x));
      }
      const layer = name === "c1" ? [2 * row - 2 - 6, 2 * column - 2 - 6, 18] : [6 * row - 10, 6 * column - 10, 26];
      const picture = name === "c1" ? paint.s1(feature) : paint.s2(feature);
      return { ...about, seen, pool, picture, size: name === "c1" ? 17 : 22, pixels: layer };
    }
    const layer = network[name], before = { s1: times.input, s2: times.c1, s3: times.c2 }[name];
    const potentials = model.potentialsOf(before, layer, feature, row, column);
    const pixels = { s1: [row - 8, column - 8, 17], s2: [2 * row - 10, 2 * column - 10, 22],
      s3: [6 * row - 22, 6 * column - 22, 50] }[name];
    let heard = 0, inputs = 0, map = about.map;
    model.receptiveField(before, layer, row, column, (ky, kx, c, time) => {
      inputs++;
      heard += time < BINS;
    });
    if (name === "s3") {
      map = model.finalPotentials(before, layer).slice(feature * 16, feature * 16 + 16);
      about.label = network.classOf({ feature });
    }
    return { ...about, map, potentials, threshold: shown.thresholds[name] ?? Infinity, heard, inputs,
      picture: paint[name](feature), size: { s1: 17, s2: 22, s3: 50 }[name], pixels };
  }

  /** Made ready while the visitor looks: the pictures of features. */
  function prepare() {
    paint ??= livePaint(network);
  }

  /** Accuracy in per cent on held-out digits that are changed: `change(pixels)` is "shift" by so many pixels. */
  async function measure(shift, { s1, s2 } = {}) {
    let right = 0;
    const images = digits.heldOut.filter((_, i) => i % 2 === 0); // all ten digits
    const directions = [[1, 0], [-1, 0], [0, 1], [0, -1]];
    for (const [i, { pixels, label }] of images.entries()) {
      const [across, down] = directions[i % 4], moved = new Uint8Array(784);
      pixels.forEach((value, place) => {
        const x = place % 28 + across * shift, y = Math.floor(place / 28) + down * shift;
        if (x >= 0 && x < 28 && y >= 0 && y < 28) moved[28 * y + x] = value;
      });
      right += network.decide(network.layers(moved, { s1, s2 }).c2) === label;
      if (i % 5 === 4) answer({ about: "measured", done: i + 1, of: images.length });
      await rest();
    }
    return { right, of: images.length };
  }

  // --- teaching ----------------------------------------------------------------------------------------------------

  let pupil = null;

  /** Spike times of C2 of a lesson's image, computed once. */
  function features(image) {
    return image.c2 ??= network.layers(image.pixels).c2;
  }

  /** A fresh S3 that is to tell `classes` digits apart, from 0 on. */
  function begin(classes, seed) {
    prepare();
    const counts = classes === 2 ? 100 : classes === 3 ? 67 : 20, taken = new Array(classes).fill(0);
    pupil = { seed, classes, network: network.fresh(classes, EACH, seed), at: 0, history: [], judged: [], curve: [],
      lessons: digits.lessons.filter(({ label }) => label < classes),
      heldOut: digits.heldOut.filter(({ label }) => label < classes && taken[label]++ < counts) };
    pupil.initial = pupil.network.s3.weight.slice();
    pupil.best = Array.from({ length: pupil.network.s3.maps }, () => new Float64Array(pupil.heldOut.length));
    pupil.stale = new Set(pupil.best.keys());
    pupil.curve.push([0, accuracy()]);
    return { lesson: lesson(), curve: pupil.curve, heldOut: pupil.heldOut.length };
  }

  /** The largest potential of one map for every held-out digit: only maps that have learned are looked at again. */
  function look(feature) {
    const { s3 } = pupil.network, weight = new Float64Array(6250), { maps } = s3;
    for (let tap = 0; tap < 6250; tap++) weight[tap] = s3.weight[tap * maps + feature];
    pupil.heldOut.forEach(({ spiked }, image) => {
      const potential = new Float64Array(16);
      spiked.forEach((bit, index) => {
        if (!bit) return;
        const channel = index >> 4, y = (index >> 2) & 3, x = index & 3;
        for (let ky = Math.max(0, y - 1); ky < Math.min(5, y + 3); ky++) {
          for (let kx = Math.max(0, x - 1); kx < Math.min(5, x + 3); kx++) {
            potential[4 * (y + 2 - ky) + x + 2 - kx] += weight[(channel * 5 + ky) * 5 + kx];
          }
        }
      });
      pupil.best[feature][image] = Math.max(...potential);
    });
  }

  /** Accuracy on the held-out digits in per cent. */
  function accuracy() {
    pupil.stale.forEach(look);
    pupil.stale.clear();
    const right = pupil.heldOut.filter(({ label }, image) => {
      let first = 0;
      pupil.best.forEach((each, feature) => { if (each[image] > pupil.best[first][image]) first = feature; });
      return pupil.network.classOf({ feature: first }) === label;
    });
    return 100 * right.length / pupil.heldOut.length;
  }

  /** The next image and what the pupil says of it. */
  function lesson() {
    const image = pupil.lessons[pupil.at % pupil.lessons.length], found = model.winner(features(image), pupil.network.s3);
    pupil.lesson = { image, found };
    const potentials = model.finalPotentials(image.c2, pupil.network.s3), top = new Array(pupil.classes).fill(0);
    potentials.forEach((potential, i) => {
      const label = pupil.network.classOf({ feature: Math.floor(i / 16) });
      top[label] = Math.max(top[label], potential);
    });
    return { pixels: image.pixels, label: image.label, found, decision: pupil.network.classOf(found), top,
      count: pupil.history.length, phi: phi(true), each: EACH };
  }

  /** phi of the last lessons: the share of punishments scales reward, and the other way round. */
  function phi(counted) {
    const last = pupil.judged.slice(-WINDOW);
    if (!counted || !last.length) return [1, 1];
    const punished = last.filter(judgement => judgement === "punish").length;
    const rewarded = last.filter(judgement => judgement === "reward").length;
    return [punished / last.length, rewarded / last.length];
  }

  const own = feature => Float32Array.from({ length: 6250 }, (_, tap) =>
    pupil.network.s3.weight[tap * pupil.network.s3.maps + feature]);

  /** Judge the lesson's decision: the winner learns, or, without inhibition, the strongest neuron of every map. */
  function judge(judgement, { counted, inhibition = true } = {}, brief = false) {
    const { image, found } = pupil.lesson, { s3 } = pupil.network, kept = [];
    const learners = found.feature === SILENT || judgement === "neutral" ? [] : inhibition ? [found] : every(image.c2);
    const before = brief || found.feature === SILENT ? null : learned(found.feature);
    const rates = learners.length ? model.rewardRates(phi(counted))[judgement] : [0, 0];
    for (const each of learners) {
      kept.push([each.feature, own(each.feature)]);
      model.learn(s3, image.c2, each, rates);
      pupil.stale.add(each.feature);
    }
    pupil.history.push({ at: pupil.at, kept, judged: pupil.judged.slice(-WINDOW), curve: pupil.curve.length });
    if (pupil.history.length > 600) pupil.history[pupil.history.length - 601].kept = null; // too long ago to be undone
    pupil.judged.push(judgement);
    pupil.at++;
    if (brief) return null;
    const mine = kept.find(([feature]) => feature === found.feature), now = mine && own(found.feature);
    const change = { judgement, found, decision: pupil.network.classOf(found), label: image.label,
      pixels: image.pixels, learners: learners.length, rates, before,
      after: before && (mine ? learned(found.feature) : before),
      gained: now ? now.filter((weight, tap) => weight > mine[1][tap]).length : 0,
      lost: now ? now.filter((weight, tap) => weight < mine[1][tap]).length : 0 };
    follow();
    return { change, lesson: lesson(), curve: pupil.curve };
  }

  function every(c2) {
    const potentials = model.finalPotentials(c2, pupil.network.s3);
    return pupil.best.map((_, feature) => {
      let place = 0;
      for (let i = 1; i < 16; i++) if (potentials[16 * feature + i] > potentials[16 * feature + place]) place = i;
      return { feature, row: place >> 2, column: place & 3 };
    });
  }

  function follow() {
    pupil.curve.push([pupil.history.length, accuracy()]);
  }

  /** What a map has learned since the beginning, painted: (50 x 50). */
  function learned(feature) {
    const { weight, maps } = pupil.network.s3;
    const change = Float32Array.from({ length: 6250 }, (_, tap) =>
      weight[tap * maps + feature] - pupil.initial[tap * maps + feature]);
    return paint.s3(0, { weight: change, maps: 1, window: 5, channels: 250 });
  }

  function undo() {
    const last = pupil.history.at(-1);
    if (!last?.kept) return null;
    const { s3 } = pupil.network;
    for (const [feature, weight] of last.kept) {
      for (let tap = 0; tap < 6250; tap++) s3.weight[tap * s3.maps + feature] = weight[tap];
      pupil.stale.add(feature);
    }
    pupil.history.pop();
    pupil.at = last.at;
    pupil.judged = last.judged;
    pupil.curve.length = Math.min(pupil.curve.length, last.curve);
    return { lesson: lesson(), curve: pupil.curve };
  }

  /** A teacher that knows the labels: reward where the decision is right, punishment where it is not. */
  async function byItself(count, options) {
    const mine = pupil;
    mine.stopped = false;
    for (let i = 0; i < count && pupil === mine && !mine.stopped; i++) {
      judge(mine.network.classOf(mine.lesson.found) === mine.lesson.image.label ? "reward" : "punish", options, true);
      lesson();
      if (i % 10 === 9 || i === count - 1) {
        follow();
        answer({ about: "curve", curve: mine.curve, done: i + 1, of: count });
      }
      await rest();
    }
    return pupil === mine ? { lesson: lesson(), curve: mine.curve } : null;
  }

  function stop() {
    if (pupil) pupil.stopped = true;
  }

  /** Find an image that the pupil reads wrongly, and say that its answer is right, again and again: what it says. */
  async function insist(times) {
    for (let i = 0; i < 60 && pupil.network.classOf(pupil.lesson.found) === pupil.lesson.image.label; i++) {
      pupil.at++;
      lesson();
      await rest();
    }
    const { image } = pupil.lesson, said = [];
    if (pupil.network.classOf(pupil.lesson.found) === image.label) return null;
    for (let i = 0; i < times; i++) {
      pupil.lesson = { image, found: model.winner(image.c2, pupil.network.s3) };
      said.push(pupil.network.classOf(pupil.lesson.found));
      judge("reward", {}, true);
      pupil.at--;
    }
    follow();
    const then = pupil.network.classOf(model.winner(image.c2, pupil.network.s3));
    return { said, then, label: image.label, lesson: lesson(), curve: pupil.curve };
  }

  /** What every map of the pupil has learned, painted. */
  function pictures() {
    return { pictures: pupil.best.map((_, feature) => learned(feature)), each: EACH };
  }

  /** Weights in Python's order, and those that it began with: for a test. */
  function inspect() {
    const { s3 } = pupil.network, out = new Float32Array(s3.weight.length);
    for (let feature = 0; feature < s3.maps; feature++) out.set(own(feature), 6250 * feature);
    return { weights: out, seed: pupil.seed };
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
    const { seed, decisions, weights } = golden.lessons, taught = network.fresh(2, EACH, seed);
    const lessons = digits.lessons.filter(({ label }) => label < 2).slice(0, decisions.length);
    let same = 0;
    for (const [i, image] of lessons.entries()) {
      const found = model.learnRstdp(taught.s3, features(image), found => taught.classOf(found) === image.label ?
        "reward" : "punish");
      same += taught.classOf(found) === decisions[i];
      await rest();
    }
    const out = new Float32Array(taught.s3.weight.length), { maps } = taught.s3;
    for (let i = 0; i < out.length; i++) out[(i % maps) * 6250 + Math.floor(i / maps)] = taught.s3.weight[i];
    const equal = checksum(new Uint8Array(out.buffer)) === weights;
    return [...rows, ["lessons", same, decisions.length], ["weights after them", equal ? out.length : 0, out.length]];
  }

  return { start, run, neuron, prepare, measure, begin, lesson, judge, undo, byItself, stop, insist, pictures, inspect,
    examine, check };
}

if (typeof module === "object") module.exports = liveWorker;
