// The pupil: a fresh S3 behind the trained S1 and S2, its lessons, and how well it reads.
"use strict";

/** painted(feature, layer) paints what a feature of S3 looks for; news and rest are the worker's. */
function livePupil(model, trained, digits, painted, news, rest) {
  const { SILENT } = model;
  const EACH = 5; // maps for each digit
  const TAPS = 6250; // weights of a map
  const WINDOW = 20; // lessons over which phi counts
  const KEPT = 600; // lessons that can be undone
  let pupil = null;

  /** A fresh S3 that is to tell `classes` digits apart, from 0 on. */
  function begin(classes, seed) {
    const counts = classes === 2 ? 100 : classes === 3 ? 67 : 20, taken = new Array(classes).fill(0);
    const network = trained.fresh(classes, EACH, seed);
    const heldOut = digits.heldOut.filter(({ label }) => label < classes && taken[label]++ < counts);
    pupil = { seed, classes, network, heldOut, at: 0, history: [], judged: [], stopped: false,
      lessons: digits.lessons.filter(({ label }) => label < classes), initial: network.s3.weight.slice(),
      best: Array.from({ length: network.s3.maps }, () => new Float64Array(heldOut.length)) };
    pupil.stale = new Set(pupil.best.keys());
    pupil.curve = [[0, accuracy()]];
    return { ...state(), heldOut: heldOut.length };
  }

  /** What the page shows after whatever has happened. */
  function state() {
    return { lesson: lesson(), curve: pupil.curve };
  }

  // --- how well it reads -------------------------------------------------------------------------------------------

  /** The largest potential of one map for every held-out digit: only maps that have learned are looked at again. */
  function look(feature) {
    const weight = own(feature);
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

  /** The curve goes on to where the pupil stands now. */
  function follow() {
    pupil.curve.push([pupil.history.length, accuracy()]);
  }

  // --- lessons -----------------------------------------------------------------------------------------------------

  /** The next image and what the pupil says of it. */
  function lesson() {
    const { network, lessons, classes } = pupil, image = lessons[pupil.at % lessons.length];
    image.c2 ??= network.layers(image.pixels).c2; // computed once
    const found = model.winner(image.c2, network.s3), top = new Array(classes).fill(0);
    model.finalPotentials(image.c2, network.s3).forEach((potential, i) => {
      const label = network.classOf({ feature: Math.floor(i / 16) });
      top[label] = Math.max(top[label], potential);
    });
    pupil.lesson = { image, found };
    return { pixels: image.pixels, label: image.label, decision: network.classOf(found), top, count: pupil.history.length };
  }

  const isRight = () => pupil.network.classOf(pupil.lesson.found) === pupil.lesson.image.label;

  /** phi of the last lessons: the share of punishments scales reward, and the other way round. */
  function phi(counted) {
    const last = pupil.judged.slice(-WINDOW), share = judgement => last.filter(each => each === judgement).length / last.length;
    return counted && last.length ? [share("punish"), share("reward")] : [1, 1];
  }

  /** The weights of one map: (C K K). */
  function own(feature) {
    const { weight, maps } = pupil.network.s3;
    return Float32Array.from({ length: TAPS }, (_, tap) => weight[tap * maps + feature]);
  }

  /** The strongest neuron of every map: who learns where nothing inhibits. */
  function every(c2) {
    const potentials = model.finalPotentials(c2, pupil.network.s3);
    return pupil.best.map((_, feature) => {
      let place = 0;
      for (let i = 1; i < 16; i++) if (potentials[16 * feature + i] > potentials[16 * feature + place]) place = i;
      return { feature, row: place >> 2, column: place & 3 };
    });
  }

  /** The lesson's decision is judged: the winner learns, or, without inhibition, every map. Returns their weights before. */
  function learn(judgement, { counted, inhibition = true } = {}) {
    const { image: { c2 }, found } = pupil.lesson;
    const learners = found.feature === SILENT || judgement === "neutral" ? [] : inhibition ? [found] : every(c2);
    const before = learners.map(({ feature }) => [feature, own(feature)]);
    for (const each of learners) {
      model.learn(pupil.network.s3, c2, each, model.rewardRates(phi(counted))[judgement]);
      pupil.stale.add(each.feature);
    }
    pupil.history.push({ at: pupil.at, before, judged: pupil.judged.slice(-WINDOW), curve: pupil.curve.length });
    if (pupil.history.length > KEPT) pupil.history.at(-1 - KEPT).before = null;
    pupil.judged.push(judgement);
    pupil.at++;
    return before;
  }

  /** Judge the lesson's decision: what has changed in the winner's map, and the next lesson. */
  function judge(judgement, options) {
    const { network, lesson: { found } } = pupil, silent = found.feature === SILENT;
    const picture = silent ? null : learned(found.feature), before = learn(judgement, options);
    const change = { judgement, decision: network.classOf(found), place: found.feature % EACH, learners: before.length,
      before: picture, after: silent ? null : learned(found.feature), gained: 0, lost: 0 };
    const old = before.find(([feature]) => feature === found.feature)?.[1];
    if (old) {
      own(found.feature).forEach((weight, tap) => {
        change.gained += weight > old[tap];
        change.lost += weight < old[tap];
      });
    }
    follow();
    return { change, ...state() };
  }

  function undo() {
    const last = pupil.history.at(-1);
    if (!last?.before) return null;
    const { s3 } = pupil.network;
    for (const [feature, weight] of last.before) {
      for (let tap = 0; tap < TAPS; tap++) s3.weight[tap * s3.maps + feature] = weight[tap];
      pupil.stale.add(feature);
    }
    pupil.history.pop();
    pupil.at = last.at;
    pupil.judged = last.judged;
    pupil.curve.length = Math.min(pupil.curve.length, last.curve);
    return state();
  }

  /** A teacher that knows the labels: reward where the decision is right, punishment where it is not. */
  async function byItself(count, options) {
    pupil.stopped = false;
    for (let i = 0; i < count && !pupil.stopped; i++) {
      learn(isRight() ? "reward" : "punish", options);
      lesson();
      if (i % 10 === 9 || i === count - 1) {
        follow();
        news({ about: "curve", curve: pupil.curve, done: i + 1, of: count });
      }
      await rest();
    }
    return state();
  }

  function stop() {
    if (pupil) pupil.stopped = true;
  }

  /** Find an image that the pupil reads wrongly, and say that its answer is right, again and again: what it says. */
  async function insist(times) {
    for (let i = 0; i < pupil.lessons.length && isRight(); i++) {
      pupil.at++;
      lesson();
      await rest();
    }
    if (isRight()) return null;
    const { label } = pupil.lesson.image, said = [];
    for (let i = 0; i < times; i++) {
      said.push(pupil.network.classOf(pupil.lesson.found));
      learn("reward");
      pupil.at--; // the same image again
      lesson();
    }
    follow();
    return { said, then: pupil.network.classOf(pupil.lesson.found), label, ...state() };
  }

  // --- what it has learned -----------------------------------------------------------------------------------------

  /** What a map has learned since the beginning, painted: (50 x 50). */
  function learned(feature) {
    const { maps } = pupil.network.s3, weight = own(feature);
    for (let tap = 0; tap < TAPS; tap++) weight[tap] -= pupil.initial[tap * maps + feature];
    return painted(0, { weight, maps: 1, window: 5, channels: 250 });
  }

  function pictures() {
    return { pictures: pupil.best.map((_, feature) => learned(feature)), each: EACH };
  }

  /** Weights in Python's order, and what they began from: for a test. */
  function inspect() {
    const weights = new Float32Array(pupil.network.s3.weight.length);
    pupil.best.forEach((_, feature) => weights.set(own(feature), TAPS * feature));
    return { weights, seed: pupil.seed };
  }

  return { begin, judge, undo, byItself, stop, insist, pictures, inspect };
}
