// Pictures of what the worker has found: stages, potentials, one neuron, the pupil's progress. Nothing is computed here.
"use strict";

function liveViews() {
  // as the book's figures: dark fires now, light has fired; on white in dark mode too
  const QUIET = [242, 242, 242], FIRED = [158, 202, 225], FIRES = [8, 48, 107];
  const BINS = 15;
  const STAGES = [
    { name: "input", title: "Input", what: "contrast, in six channels", maps: 6, columns: 3, side: 28, scale: 6,
      order: [0, 2, 4, 1, 3, 5], chapter: "01-from-pixels-to-spike-times" },
    { name: "s1", title: "S1", what: "30 kinds of edges", maps: 30, columns: 6, side: 28, scale: 3,
      chapter: "04-stdp-edges-without-labels" },
    { name: "c1", title: "C1", what: "the first spike of 2 × 2", maps: 30, columns: 6, side: 14, scale: 6,
      chapter: "03-convolution-pooling-competition" },
    { name: "s2", title: "S2", what: "250 parts of digits", maps: 250, columns: 18, side: 14, scale: 2,
      chapter: "05-going-deeper" },
    { name: "c2", title: "C2", what: "the first spike of 3 × 3", maps: 250, columns: 18, side: 4, scale: 6,
      chapter: "05-going-deeper" },
    { name: "s3", title: "S3", what: "a row of 20 maps for each digit, 0 to 9; no spikes", maps: 200, columns: 20, side: 4, scale: 6,
      chapter: "06-learning-from-reward" }];
  const CHANNELS = [3, 7, 13].flatMap(size => ["on", "off"].map(kind => `${kind}-centre, ${size} × ${size}`));

  const number = value => value.toLocaleString("en", { maximumFractionDigits: 1 });
  const word = ([red, green, blue]) => (0xFF000000 | (blue << 16) | (green << 8) | red) >>> 0;
  const small = document.createElement("canvas");

  /** Put pixels, words of 32 bits, on a canvas, each as a square of `scale`. */
  function put(canvas, words, width, height, scale) {
    small.width = width;
    small.height = height;
    small.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(words.buffer), width, height), 0, 0);
    if (canvas.width !== width * scale || canvas.height !== height * scale) {
      canvas.width = width * scale;
      canvas.height = height * scale;
    }
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    return context;
  }

  /** A canvas from pixels: `colour(x, y)` gives [red, green, blue]. */
  function paint(canvas, width, height, scale, colour) {
    const words = new Uint32Array(width * height);
    for (let i = 0; i < words.length; i++) words[i] = word(colour(i % width, Math.floor(i / width)));
    return put(canvas, words, width, height, scale);
  }

  const grey = value => [value, value, value];

  /** An image (28 x 28), 0..255. */
  function digit(canvas, pixels, scale = 4) {
    paint(canvas, 28, 28, scale, (x, y) => grey(pixels[28 * y + x]));
  }

  /** Where on a stage's canvas which neuron is: (map, row, column); between maps the nearest, null beyond the last. */
  function neuronAt(stage, x, y) {
    const cell = stage.side + 1, across = Math.floor(x / cell), down = Math.floor(y / cell);
    const place = down * stage.columns + across, feature = (stage.order ?? { [place]: place })[place];
    const row = Math.min(y - down * cell, stage.side - 1), column = Math.min(x - across * cell, stage.side - 1);
    return across >= stage.columns || feature === undefined || feature >= stage.maps ? null : { feature, row, column };
  }

  /** For each pixel of a stage, the index of its neuron, or -1 between maps; found once. */
  function neurons(of) {
    if (of.neurons) return of;
    const { maps, columns, side } = of, cell = side + 1;
    of.width = columns * cell - 1;
    of.height = Math.ceil(maps / columns) * cell - 1;
    of.neurons = new Int32Array(of.width * of.height).fill(-1);
    for (let place = 0; place < maps; place++) {
      const feature = of.order?.[place] ?? place, top = Math.floor(place / columns) * cell, left = (place % columns) * cell;
      for (let i = 0; i < side * side; i++) {
        of.neurons[(top + Math.floor(i / side)) * of.width + left + i % side] = feature * side * side + i;
      }
    }
    return of;
  }

  /** One stage at a step: spikes, or for S3 potentials and, at the end, the winner. */
  function stage(canvas, of, view, step) {
    const { neurons: indices, width, height } = neurons(of), words = new Uint32Array(indices.length);
    const times = view.times[of.name]?.data, potentials = view.steps[step], white = 0xFFFFFFFF;
    if (times) {
      const colours = Array.from({ length: BINS + 1 }, (_, t) => word(t === step ? FIRES : t < step ? FIRED : QUIET));
      for (let i = 0; i < words.length; i++) words[i] = indices[i] < 0 ? white : colours[times[indices[i]]];
    } else {
      const most = Math.max(1, ...view.best.at(-1)); // dark is strong; squared, so that the strongest stand out
      const shades = Array.from({ length: 101 }, (_, share) => word(QUIET.map((from, channel) =>
        from + (share / 100) ** 2 * (FIRES[channel] - from))));
      for (let i = 0; i < words.length; i++) {
        words[i] = indices[i] < 0 ? white : shades[Math.min(100, Math.round(100 * potentials[indices[i]] / most))];
      }
    }
    const context = put(canvas, words, width, height, of.scale), cell = of.side + 1;
    if (times || view.found.feature < 0 || step < BINS - 1) return;
    const { feature, row, column } = view.found;
    context.strokeStyle = "#d55e00";
    context.lineWidth = of.scale / 2;
    context.strokeRect(((feature % of.columns) * cell + column - 0.5) * of.scale,
      (Math.floor(feature / of.columns) * cell + row - 0.5) * of.scale, 2 * of.scale, 2 * of.scale);
  }

  /** For each stage, how many fire at a step and how many have fired by it, of how many. */
  function counts({ fires, times }, step) {
    return STAGES.filter(({ name }) => name !== "s3").map(({ name, title }) => ({ name, title, now: fires[name][step],
      sofar: fires[name].slice(0, step + 1).reduce((a, b) => a + b), all: times[name].data.length }));
  }

  /** [the strongest label, how far ahead it is, the runner-up]; null while nothing has come in. */
  function leader(best) {
    const order = best.map((value, label) => [value, label]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    return order[0][0] > 0 ? { label: order[0][1], lead: order[0][0] - order[1][0], next: order[1][1] } : null;
  }

  /** Potentials as bars, one for each label; the leader has a star as well as another colour. Bars that would look all
   * alike begin at a number of their own, which is said. */
  function bars(list, best, most, from = 0) {
    const first = leader(best);
    list.innerHTML = best.map((value, label) => {
      const leads = first?.label === label;
      return `<li class="${leads ? "leads" : ""}"><b>${label}</b><span class="track"><span style="width:${
        (100 * (value - from) / Math.max(1, most - from)).toFixed(1)}%"></span></span><span class="value">${
        number(value)}${leads ? " ★" : ""}</span></li>`;
    }).join("") + (from ? `<li class="begin">bars begin at ${number(from)}</li>` : "");
    return first;
  }

  /** All steps as a table: how many fire, and the ten potentials. */
  function table(element, view, step) {
    const all = Array.from({ length: BINS }, (_, t) => counts(view, t));
    const head = all[0].map(({ title }) => `<th scope="col">${title}</th>`).join("");
    const digits = view.best[0].map((_, label) => `<th scope="col">${label}</th>`).join("");
    const current = t => t === step ? ' class="now" aria-current="step"' : "";
    element.innerHTML = `<table><caption>How many neurons fire at each step</caption><thead><tr><th scope="col">step</th>${
      head}</tr></thead><tbody>${all.map((row, t) => `<tr${current(t)}><th scope="row">${t}</th>${
      row.map(({ now }) => `<td>${number(now)}</td>`).join("")}</tr>`).join("")}</tbody></table>
      <table><caption>The largest potential in S3 for each digit</caption><thead><tr><th scope="col">step</th>${
      digits}</tr></thead><tbody>${view.best.map((row, t) => `<tr${current(t)}><th scope="row">${t}</th>${
      row.map(value => `<td>${number(value)}</td>`).join("")}</tr>`).join("")}</tbody></table>`;
  }

  /** The staircase of a potential, its threshold, and the spike: SVG. */
  function staircase({ potentials, threshold, time }, step) {
    const finite = Number.isFinite(threshold), most = 1.08 * Math.max(finite ? threshold : 1, ...potentials);
    const x = t => 34 + t * 17, y = value => 128 - 116 * value / most;
    let path = `M${x(0)} ${y(0)}`;
    potentials.forEach((value, t) => { path += `V${y(value).toFixed(1)}H${x(t + 1)}`; });
    const limit = finite ? `<path class="limit" d="M34 ${y(threshold)}H${x(BINS)}"/><text x="${x(BINS)}" y="${
      y(threshold) - 4}" text-anchor="end">threshold ${number(threshold)}</text>` : "";
    const spike = time !== null && time < BINS ? `<circle class="spike" cx="${x(time) + 1}" cy="${
      y(potentials[time])}" r="5"/>` : "";
    return `<svg viewBox="0 0 300 160" role="img" aria-label="The potential at each step: ${
      [...potentials].map(number).join(", ")}"><rect class="now" x="${x(step)}" y="8" width="17" height="120"/>
      <path class="axis" d="M34 8V128H${x(BINS)}"/>${limit}<path class="line" d="${path}"/>${spike}
      <text x="30" y="16" text-anchor="end">${number(most)}</text><text x="30" y="131" text-anchor="end">0</text>${
      [0, 5, 10, 14].map(t => `<text x="${x(t) + 8}" y="143" text-anchor="middle">${t}</text>`).join("")}
      <text x="${x(7) + 8}" y="157" text-anchor="middle">step</text></svg>`;
  }

  /** A feature's picture, grey, and the drawing over it in orange, in a part [top, left, size] of the image's plane. The
   * picture lies in the middle of `pixels`, the window that its neuron sees; what is beyond the image is a little darker. */
  function feature(canvas, { picture, size, pixels }, image, [top, left, width], scale = 4) {
    const most = strongest(picture), inset = Math.floor((pixels[2] - size) / 2);
    paint(canvas, width, width, scale, (x, y) => {
      const row = top + y, column = left + x, down = row - pixels[0] - inset, across = column - pixels[1] - inset;
      const inside = down >= 0 && across >= 0 && down < size && across < size;
      const base = 127.5 + 127.5 * (inside ? picture[down * size + across] : 0) / most;
      if (row < 0 || row > 27 || column < 0 || column > 27) return grey(0.85 * base);
      return [222, 143, 5].map(orange => base + 0.6 * image[28 * row + column] / 255 * (orange - base));
    });
  }

  /** A neuron's weights (C, K, K) as C small squares, dark where strong; a dot where the input has spiked by the step. */
  function weights(canvas, { name, weights: all, inputTimes, window: size }, step) {
    const [columns, scale] = { s1: [3, 10], s2: [6, 8] }[name], area = size * size, cell = size + 1;
    const maps = all.length / area, place = i => {
      const map = Math.floor(i / area), tap = i % area;
      return [(map % columns) * cell + tap % size, Math.floor(map / columns) * cell + Math.floor(tap / size)];
    };
    const width = columns * cell - 1, height = Math.ceil(maps / columns) * cell - 1, shades = new Map();
    all.forEach((weight, i) => {
      const [x, y] = place(i);
      shades.set(y * width + x, grey(235 * (1 - weight)));
    });
    const context = paint(canvas, width, height, scale, (x, y) => shades.get(y * width + x) ?? grey(255));
    context.fillStyle = "#de8f05";
    context.strokeStyle = "#fff";
    let spiked = 0;
    inputTimes.forEach((time, i) => {
      if (time > step) return;
      const [x, y] = place(i);
      context.beginPath();
      context.arc((x + 0.5) * scale, (y + 0.5) * scale, scale / 3, 0, 7);
      context.fill();
      context.stroke();
      spiked++;
    });
    canvas.setAttribute("aria-label", `Its ${all.length} weights, of which ${all.filter(weight => weight > 0.5).length
    } are above 0.5; by step ${step}, ${spiked} of the inputs have spiked`);
  }

  /** The drawing with the window that a neuron sees. */
  function window_(canvas, image, [top, left, width], scale = 6) {
    digit(canvas, image, scale);
    const context = canvas.getContext("2d");
    context.strokeStyle = "#de8f05";
    context.lineWidth = 3;
    const clip = value => Math.min(28, Math.max(0, value)) * scale;
    context.strokeRect(clip(left) + 1.5, clip(top) + 1.5, clip(left + width) - clip(left) - 3,
      clip(top + width) - clip(top) - 3);
  }

  /** A map's neurons, large: spikes as in the stages, or potentials. */
  function mapOf(canvas, about, step) {
    const side = Math.sqrt(about.map.length), scale = Math.floor(168 / side), most = Math.max(1, ...about.map);
    const context = paint(canvas, side, side, scale, (x, y) => {
      const value = about.map[y * side + x];
      if (about.time === null) return QUIET.map((from, i) => from + (value / most) ** 2 * (FIRES[i] - from));
      return value === step ? FIRES : value < step ? FIRED : QUIET;
    });
    context.strokeStyle = "#d55e00";
    context.lineWidth = 2;
    context.strokeRect(about.column * scale, about.row * scale, scale, scale);
  }

  /** The largest size of numbers. */
  const strongest = values => values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);

  /** A picture (50 x 50), grey; white and black are at `most`. */
  function picture(canvas, values, scale = 3, most = strongest(values)) {
    put(canvas, Uint32Array.from(values, value => word(grey(127.5 + 127.5 * value / most))), 50, 50, scale);
  }

  /** Pictures (50 x 50) in a row; the one that has just changed has a frame. */
  function row(canvas, pictures, changed = -1) {
    const cell = 56, width = cell * pictures.length - 6, words = new Uint32Array(50 * width); // clear between them
    pictures.forEach((values, place) => {
      const most = strongest(values);
      values.forEach((value, i) => {
        words[Math.floor(i / 50) * width + cell * place + i % 50] = word(grey(127.5 + 127.5 * value / most));
      });
    });
    const context = put(canvas, words, width, 50, 1);
    pictures.forEach((_, place) => {
      context.strokeStyle = place === changed ? "#de8f05" : "#999";
      context.lineWidth = place === changed ? 6 : 1;
      context.strokeRect(cell * place + 0.5, 0.5, 49, 49);
    });
  }

  /** What has changed between two pictures: blue and + where the map gained, orange and - where it lost. */
  function difference(canvas, before, after, scale = 5) {
    const change = after.map((value, i) => value - before[i]), most = strongest(change);
    const context = paint(canvas, 50, 50, scale, (x, y) => {
      const share = change[50 * y + x] / most, to = share > 0 ? [1, 115, 178] : [213, 94, 0];
      return to.map(channel => 255 + Math.abs(share) * (channel - 255));
    });
    context.font = `bold ${4 * scale}px sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let y = 2; y < 50; y += 5) {
      for (let x = 2; x < 50; x += 5) {
        const share = change[50 * y + x] / most;
        if (Math.abs(share) < 0.25) continue;
        context.fillStyle = Math.abs(share) > 0.7 ? "#fff" : "#222";
        context.fillText(share > 0 ? "+" : "−", (x + 0.5) * scale, (y + 0.5) * scale);
      }
    }
  }

  /** Accuracy after each lesson: SVG. curve: [lessons, per cent]. */
  function curve(points, classes) {
    const last = Math.max(30, ...points.map(([lessons]) => lessons));
    const x = lessons => 46 + 320 * lessons / last, y = accuracy => 160 - 1.45 * accuracy, chance = 100 / classes;
    const line = points.map(([lessons, accuracy], i) => `${i ? "L" : "M"}${x(lessons).toFixed(1)} ${
      y(accuracy).toFixed(1)}`).join("");
    const end = points.at(-1), under = end && (end[1] > 85 || end[1] < chance);
    const step = [5, 10, 20, 50, 100, 200, 500].find(size => last / size <= 6) ?? 1000;
    const marks = Array.from({ length: Math.floor(last / step) + 1 }, (_, i) => step * i);
    return `<svg viewBox="0 0 430 202" role="img" aria-label="Accuracy on held-out digits${end ? `: ${number(end[1])
    } per cent after ${end[0]} lessons` : ""}"><path class="axis" d="M46 10V160H372"/>
      <path class="limit" d="M46 ${y(chance)}H366"/><text x="374" y="${y(chance) + 4}">chance</text>
      ${[0, 50, 100].map(v => `<text x="40" y="${y(v) + 4}" text-anchor="end">${v} %</text>`).join("")}
      ${marks.map(v => `<text x="${x(v)}" y="178" text-anchor="middle">${v}</text>`).join("")}
      <text x="206" y="196" text-anchor="middle">lessons</text>${line ? `<path class="line" d="${line}"/>` : ""}${
      end ? `<circle class="spike" cx="${x(end[0])}" cy="${y(end[1])}" r="4"/><text class="strong" x="${
        Math.min(x(end[0]) + 8, 376)}" y="${y(end[1]) + (under ? 20 : -8)}">${number(end[1])} %</text>` : ""}</svg>`;
  }

  return { BINS, STAGES, CHANNELS, number, digit, stage, neuronAt, counts, leader, bars, table, staircase, feature, window: window_,
    weights, mapOf, strongest, picture, row, difference, curve };
}
