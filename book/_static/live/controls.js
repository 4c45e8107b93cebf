// What the visitor touches: the pad, time, questions, judgements. It asks the worker and hands what comes back to the views.
"use strict";

(() => {
  const $ = name => document.getElementById(`live-${name}`);
  const views = liveViews(), picture = livePicture(), { STAGES, number } = views;
  const LAST = 14; // step
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // --- the worker: one call at a time, an answer each ---------------------------------------------------------------

  // A worker may not be loaded from a file, so its program is handed over as text.
  const program = `(${function (model, data, paint, main) {
    const worker = main(model(), data(), paint, news => postMessage({ news }));
    onmessage = async ({ data: { id, name, values } }) => {
      try {
        postMessage({ id, value: await worker[name](...values) });
      } catch (error) {
        postMessage({ id, error: String(error?.stack ?? error) });
      }
    };
  }})(${liveModel}, ${liveData}, ${livePaint}, ${liveWorker})`;
  const worker = new Worker(URL.createObjectURL(new Blob([program], { type: "text/javascript" })));
  const waiting = new Map(), listeners = {};
  worker.onmessage = ({ data: { id, value, error, news } }) => {
    if (news) return listeners[news.about]?.(news);
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    return error ? reject(new Error(error)) : resolve(value);
  };
  const ask = (name, ...values) => new Promise((resolve, reject) => {
    waiting.set(ask.count = (ask.count ?? 0) + 1, { resolve, reject });
    worker.postMessage({ id: ask.count, name, values });
  });

  // --- what is shown ----------------------------------------------------------------------------------------------

  const state = { ink: new Uint8Array(280 * 280), sample: null, step: LAST, view: null, neuron: null, timer: null, stage: "input" };
  const tried = { contrast: 100, scramble: false, right: 0, down: 0, uncentred: false, s1: 15, s2: 10, blank: false };
  const usual = { ...tried };

  /** The image (28 x 28) that the network gets. */
  function image(settings = tried) {
    if (settings.blank) return new Uint8Array(784);
    const plain = state.sample ?? (settings.uncentred ? picture.asDrawn(state.ink) : picture.centred(state.ink));
    const moved = picture.moved(plain, settings.right, settings.down);
    return settings.contrast === 100 ? moved : moved.map(value => Math.round(value * settings.contrast / 100));
  }

  let running = null, pending = null;
  /** Run the network on what is on the pad; play says whether to start from the beginning. While it runs, what comes in
   * is kept, so that only the last drawing is looked at. */
  function run(play = false) {
    pending = { play: play || pending?.play };
    return running ??= (async () => {
      while (pending) {
        const { play: replay } = pending;
        pending = null;
        await once(replay);
      }
    })().finally(() => { running = null; });
  }

  async function once(play) {
    const pixels = image();
    views.digit($("prepared"), pixels);
    state.view = await ask("run", pixels, { s1: tried.s1, s2: tried.s2, scramble: tried.scramble });
    const { found } = state.view, seen = pixels.some(value => value);
    $("prepared").setAttribute("aria-label", `What the network gets: ${seen ? "the digit, 28 by 28 pixels" : "nothing"}`);
    if (play && !calm.matches && !pending) {
      state.step = 0;
      start();
    } else if (!state.timer) state.step = LAST;
    draw();
    if (pending) return;
    if (state.neuron) await look(state.neuron);
    const about = found.feature < 0 ? null : await ask("neuron", "s3", found.feature, found.row, found.column);
    if (about) views.overlay($("winner"), about, pixels);
    $("winner-seen").classList.toggle("none", !about);
    $("winner").setAttribute("aria-label", about ? `What the winner, map ${found.feature}, looks for, with the digit laid over it` : "No winner");
  }

  let frame = 0;
  /** Draw what there is, once before the next picture of the screen. */
  function draw() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(drawNow);
  }

  function drawNow() {
    const { view, step } = state;
    if (!view) return;
    const counts = views.counts(view, step);
    for (const of of STAGES) {
      const figure = $(`stage-${of.name}`);
      if (figure.offsetWidth) views.stage(figure.querySelector("canvas"), of, view, step);
      const count = counts.find(({ name }) => name === of.name);
      const text = count ? `${number(count.now)} fire now; ${number(count.sofar)} of ${number(count.all)} have fired`
        : "no threshold: it never fires, it adds up";
      figure.querySelector(".count").textContent = text;
      figure.querySelector("canvas").setAttribute("aria-label", `${of.title}, step ${step}: ${text}`);
    }
    if ($("as-table").checked) views.table($("table"), view, step);
    const first = views.bars($("bars"), view.best[step], Math.max(...view.best[LAST]));
    $("verdict").textContent = !first ? (step === LAST ? "Silence: no decision" : "Nothing has reached S3 yet")
      : step < LAST ? `So far, a ${first.label} …` : `It says: ${view.decision}`;
    $("lead").textContent = first ? `Ahead of ${first.next} by ${number(first.lead)}. Computed in ${
      Math.round(view.milliseconds)} ms.` : "";
    $("step").value = step;
    $("step").setAttribute("aria-valuetext", `step ${step}`);
    $("time").textContent = `step ${step} of ${LAST}`;
    if (state.neuron) stairs();
  }

  addEventListener("resize", draw); // a wider window shows all stages

  function say() {
    const { view, step } = state;
    const counts = views.counts(view, step).map(({ title, now }) => `${title} ${now ? `${number(now)} spikes` : "none"}`);
    const first = views.leader(view.best[step]);
    $("said").textContent = `Step ${step}: ${counts.join(", ")}. ${!first ? "No potential yet." : step === LAST
      ? `Decision: ${view.decision}.` : `Ahead: ${first.label}.`}`;
  }

  function go(step) {
    state.step = Math.min(LAST, Math.max(0, step));
    draw();
    if (state.view) say();
  }

  // --- time -------------------------------------------------------------------------------------------------------

  function stop() {
    clearInterval(state.timer);
    state.timer = null;
    $("play").textContent = "Play";
  }

  function start() {
    stop();
    $("play").textContent = "Pause";
    state.timer = setInterval(() => {
      go(state.step + 1);
      if (state.step === LAST) stop();
    }, +$("speed").value);
  }

  function toggle() {
    if (state.timer) return stop();
    if (state.step === LAST) go(0);
    return start();
  }

  $("play").onclick = toggle;
  $("back").onclick = () => { stop(); go(state.step - 1); };
  $("forward").onclick = () => { stop(); go(state.step + 1); };
  $("step").oninput = () => { stop(); go(+$("step").value); };
  $("speed").onchange = () => { if (state.timer) start(); };
  $("as-table").onchange = () => {
    const table = $("as-table").checked;
    $("table").hidden = !table;
    $("stages").hidden = $("tabs").hidden = table;
    draw();
  };
  // Letters and arrows act only while the focus is within the section, and not where a control has a use for them.
  const free = event => !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input, select, [role=application]");
  $("watch").addEventListener("keydown", event => {
    if (!free(event)) return;
    const act = { ArrowLeft: () => $("back").click(), ArrowRight: () => $("forward").click() }[event.key] ??
      (event.key === " " && !event.target.closest("button, a") ? toggle : null);
    if (!act) return;
    event.preventDefault();
    act();
  });

  // --- the pad ----------------------------------------------------------------------------------------------------

  const pad = $("pad"), pen = { x: 140, y: 140, down: false, last: null, keys: false };

  function drawPad() {
    const context = pad.getContext("2d"), pixels = context.createImageData(280, 280), { ink } = state;
    const words = new Uint32Array(pixels.data.buffer);
    for (let i = 0; i < ink.length; i++) words[i] = 0xFF000000 | (ink[i] << 16) | (ink[i] << 8) | ink[i];
    context.putImageData(pixels, 0, 0);
    if (!state.drawing && !state.sample) {
      context.strokeStyle = "#777";
      context.setLineDash([5, 7]);
      context.strokeRect(60.5, 30.5, 159, 219);
    }
    if (!pen.keys) return;
    context.setLineDash([]);
    context.lineWidth = 3;
    context.strokeStyle = pen.down ? "#de8f05" : "#56b4e9";
    context.beginPath();
    context.arc(pen.x, pen.y, 13, 0, 7);
    context.moveTo(pen.x - 18, pen.y);
    context.lineTo(pen.x + 18, pen.y);
    context.moveTo(pen.x, pen.y - 18);
    context.lineTo(pen.x, pen.y + 18);
    context.stroke();
  }

  function line(x, y) {
    if (!state.drawing) clear();
    state.drawing = true;
    state.sample = null;
    picture.stroke(state.ink, ...(pen.last ?? [x, y]), x, y);
    pen.last = [x, y];
    drawPad();
    run();
  }

  function clear() {
    stop();
    state.ink.fill(0);
    state.sample = null;
    state.drawing = false;
    pen.last = null;
    mark();
    drawPad();
  }

  function place(event) {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) * 280 / box.width, (event.clientY - box.top) * 280 / box.height];
  }

  pad.onpointerdown = event => {
    pad.setPointerCapture(event.pointerId);
    pen.keys = false;
    stop();
    state.step = LAST;
    pen.last = null;
    line(...place(event));
  };
  pad.onpointermove = event => { if (pad.hasPointerCapture(event.pointerId)) line(...place(event)); };
  pad.onpointerup = pad.onpointercancel = () => {
    if (!pen.last) return;
    pen.last = null;
    run(true);
  };
  pad.onkeydown = event => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (event.key === "Escape" && pen.down) event.preventDefault();
    if (event.key === "Escape") pen.down = false;
    if (event.key === " ") pen.down = !pen.down;
    if (!dx && !dy && event.key !== " ") return drawPad();
    event.preventDefault();
    pen.keys = true;
    pen.x = Math.min(266, Math.max(14, pen.x + 14 * dx));
    pen.y = Math.min(266, Math.max(14, pen.y + 14 * dy));
    if (pen.down) {
      state.step = LAST;
      line(pen.x, pen.y);
    } else {
      pen.last = null;
      drawPad();
    }
    const word = pen.down ? "pen down" : "pen up";
    $("said").textContent = `${word}, column ${Math.round(pen.x / 14)} of 19, row ${Math.round(pen.y / 14)} of 19`;
    return undefined;
  };
  pad.onblur = () => { pen.keys = pen.down = false; pen.last = null; drawPad(); };
  $("clear").onclick = () => { clear(); run(); };

  function take(sample, play = true) {
    stop();
    state.ink.fill(0);
    state.drawing = false;
    state.sample = sample.pixels;
    sample.pixels.forEach((value, i) => { // on the pad too, ten times as large
      for (let y = 0; y < 10; y++) state.ink.fill(value, (Math.floor(i / 28) * 10 + y) * 280 + (i % 28) * 10,
        (Math.floor(i / 28) * 10 + y) * 280 + (i % 28) * 10 + 10);
    });
    mark(sample);
    drawPad();
    run(play);
  }

  function mark(sample) {
    for (const button of $("samples").children) button.setAttribute("aria-pressed", String(button.sample === sample));
  }

  // --- stages and neurons -----------------------------------------------------------------------------------------

  for (const of of STAGES) {
    const figure = document.createElement("figure");
    figure.id = `live-stage-${of.name}`;
    figure.innerHTML = `<figcaption><b>${of.title}</b> ${of.what} <a href="${of.chapter}.html">chapter&nbsp;${
      +of.chapter.slice(0, 2)}</a></figcaption><canvas role="img" aria-label="${of.title}"></canvas>
      <p><span class="count"></span> <button type="button">Look into one</button></p>`;
    const canvas = figure.querySelector("canvas");
    canvas.onclick = event => {
      const box = canvas.getBoundingClientRect(), unit = canvas.width / of.scale / box.width;
      const found = views.neuronAt(of, Math.floor((event.clientX - box.left) * unit), Math.floor((event.clientY - box.top) * unit));
      if (found) look({ name: of.name, ...found });
    };
    figure.querySelector("button").setAttribute("aria-label", `Look into a neuron of ${of.title}`);
    figure.querySelector("button").onclick = () => look({ name: of.name, ...interesting(of) });
    $("stages").append(figure);
    const tab = document.createElement("button");
    tab.type = "button";
    tab.textContent = of.title;
    tab.onclick = () => show(of.name);
    $("tabs").append(tab);
    $("neuron-layer").append(new Option(of.title, of.name));
  }

  function show(name) {
    state.stage = name;
    STAGES.forEach((of, i) => {
      $(`stage-${of.name}`).classList.toggle("current", of.name === name);
      $("tabs").children[i].setAttribute("aria-pressed", String(of.name === name));
    });
    draw();
  }

  /** The first neuron of a stage to fire; in S3 the winner. */
  function interesting(of) {
    if (!state.view || of.name === "s3") return state.view?.found.feature >= 0 ? state.view.found : { feature: 0, row: 0, column: 0 };
    const { data } = state.view.times[of.name], i = data.indexOf(data.reduce((a, b) => Math.min(a, b))), area = of.side ** 2;
    return { feature: Math.floor(i / area), row: Math.floor((i % area) / of.side), column: i % of.side };
  }

  async function look({ name, feature, row, column }) {
    if (!state.view) return;
    const first = !state.neuron, of = STAGES.find(stage => stage.name === name);
    state.neuron = await ask("neuron", name, feature, row, column);
    $("neuron").hidden = false;
    $("neuron-layer").value = name;
    for (const [field, value, most] of [["map", feature, of.maps], ["row", row, of.side], ["column", column, of.side]]) {
      $(`neuron-${field}`).max = most - 1;
      $(`neuron-${field}`).value = value;
    }
    const about = state.neuron, { image: seen } = state.view;
    const which = name === "input" ? views.CHANNELS[feature] : `map ${feature}${about.label === undefined ? "" : `, which stands for ${about.label}`}`;
    $("neuron-name").textContent = `A neuron of ${of.title}: ${which}`;
    views.window($("neuron-window"), seen, about.pixels);
    views.feature($("neuron-feature"), about, seen, Math.max(3, Math.floor(168 / about.pixels[2])));
    stairs();
    if (first) $("neuron").scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
  }

  /** What changes with time in the panel of a neuron, and what it says. */
  function stairs() {
    const about = state.neuron, { step } = state;
    views.mapOf($("neuron-field"), about, step);
    $("neuron-stairs").innerHTML = about.potentials ? views.staircase(about, step) : "";
    const fires = about.time === null || about.time > LAST ? "It stays silent for this image." : `It fires in step ${about.time}.`;
    const links = { input: ["01-from-pixels-to-spike-times", 1], c1: ["03-convolution-pooling-competition", 3], c2: ["05-going-deeper", 5],
      s1: ["02-the-single-spike-neuron", 2], s2: ["05-going-deeper", 5], s3: ["06-learning-from-reward", 6] };
    const [link, chapter] = links[about.name];
    const seen = about.seen?.map(t => t > LAST ? "–" : t).join(", ");
    const text = {
      input: () => `Response of the filter: ${number(about.response)}; ${about.response ? `divided by the mean around it: ${
        number(about.value)}. Its rank among all decides its step` : "under 50, so it is dropped"}. ${fires}`,
      pooling: () => `It repeats the first spike of its ${about.pool} × ${about.pool} neurons, which fire in steps ${seen}: their minimum. ${fires}`,
      s3: () => `V = Σ w over the ${number(about.heard)} of its ${number(about.inputs)} inputs that have spiked = ${number(about.potentials[LAST])}.
        No threshold: the largest of all potentials decides.`,
      spiking: () => `V(${step}) = Σ w s = ${number(about.potentials[step])}, from ${number(about.heard)} of ${number(about.inputs)} inputs that spike in all;
        it fires the first time that V &gt; ${number(about.threshold)}. ${fires}` };
    $("neuron-text").innerHTML = `${(text[about.name] ?? (about.seen ? text.pooling : text.spiking))()} <a href="${link}.html">Chapter ${chapter}</a>`;
    $("neuron-stairs-text").textContent = about.potentials ? "its potential, step by step" : "";
  }

  $("neuron-field").onclick = event => {
    const box = event.target.getBoundingClientRect(), side = Math.sqrt(state.neuron.map.length);
    const [column, row] = [event.clientX - box.left, event.clientY - box.top].map(at => Math.min(side - 1, Math.floor(at / box.width * side)));
    look({ ...state.neuron, row, column });
  };
  for (const field of ["map", "row", "column"]) {
    $(`neuron-${field}`).onchange = () => {
      const clip = ({ value, max }) => Math.min(+max, Math.max(0, Math.round(+value || 0)));
      look({ name: state.neuron.name, feature: clip($("neuron-map")), row: clip($("neuron-row")), column: clip($("neuron-column")) });
    };
  }
  $("neuron-layer").onchange = () => {
    const of = STAGES.find(({ name }) => name === $("neuron-layer").value);
    look({ name: of.name, ...interesting(of) });
  };
  $("neuron-close").onclick = () => {
    $(`stage-${state.neuron.name}`).querySelector("button").focus({ preventScroll: true });
    state.neuron = null;
    $("neuron").hidden = true;
  };

  // --- questions --------------------------------------------------------------------------------------------------

  const questions = liveQuestions(liveGolden.facts);
  const cards = (list, element) => list.forEach(question => {
    const holder = document.createElement("div");
    element.append(holder);
    questions.card(holder, question, unlocked);
  });

  /** Compare the network as it is tried with the usual one, on the same digit, and say so in a card. */
  async function outcome(id) {
    const before = await ask("run", image({ ...usual }), {});
    await run();
    const { view } = state, said = ({ decision, best }) => decision < 0 ? "silence" : `${decision} (ahead by ${number(views.leader(best[LAST]).lead)})`;
    const kept = name => {
      const [a, b] = [before, view].map(({ times }) => times[name].data);
      return { before: a.reduce((sum, t) => sum + (t <= LAST), 0), now: b.reduce((sum, t) => sum + (t <= LAST), 0),
        same: a.reduce((sum, t, i) => sum + (t <= LAST && t === b[i]), 0) };
    };
    const shown = { contrast: "input", scramble: "c2", s1: "s1", s2: "s2" }[id], count = shown && kept(shown);
    document.querySelector(`#live-card-${id} .live-outcome`).textContent = `Usually: ${said(before)}. Now: ${said(view)}.${count ? ` ${
      STAGES.find(({ name }) => name === shown).title}: ${number(count.before)} spikes usually, ${number(count.now)} now, ${
      number(count.same)} of them at the same time.` : ""}`;
    const changed = Object.keys(usual).some(name => tried[name] !== usual[name]);
    $("status").innerHTML = changed ? 'Something is changed under “Try”. <button type="button">Back to normal</button>' : "";
    if (changed) $("status").querySelector("button").onclick = normal;
  }

  function normal() {
    Object.assign(tried, usual);
    for (const [id, value] of [["contrast", 100], ["shift-right", 0], ["shift-down", 0], ["s1", 15], ["s2", 10]]) {
      if (!$(id)) continue;
      $(id).value = value;
      $(`${id}-value`).textContent = value + (id === "contrast" ? " %" : "");
    }
    for (const id of ["scramble", "uncentred"]) if ($(id)) $(id).checked = false;
    document.querySelectorAll(".live-outcome").forEach(text => { text.textContent = ""; });
    $("status").textContent = "";
    $("play").focus({ preventScroll: true });
    run();
  }

  function unlocked(id) {
    const range = (name, key, card, unit = "") => {
      $(name).oninput = () => {
        tried[key] = +$(name).value;
        $(`${name}-value`).textContent = $(name).value + unit;
        outcome(card);
      };
    };
    const box = (name, key, card) => { $(name).onchange = () => { tried[key] = $(name).checked; outcome(card); }; };
    const wire = {
      contrast: () => range("contrast", "contrast", "contrast", " %"),
      scramble: () => box("scramble", "scramble", "scramble"),
      shift: () => {
        range("shift-right", "right", "shift");
        range("shift-down", "down", "shift");
        box("uncentred", "uncentred", "shift");
        $("measure").onclick = async () => {
          $("measure").disabled = true;
          listeners.measured = ({ done, of }) => { $("measured").textContent = `${done} of ${of} …`; };
          const { right, of } = await ask("measure", 3, { s1: tried.s1, s2: tried.s2 });
          $("measured").textContent = `${right} of ${of} are read: ${number(100 * right / of)} %.`;
          $("measure").disabled = false;
        };
      },
      blank: () => { $("blank").onclick = async () => { tried.blank = true; await outcome("blank"); }; },
      s1: () => range("s1", "s1", "s1"),
      s2: () => range("s2", "s2", "s2"),
      insist: () => {
        $("insist").onclick = async () => {
          const told = await ask("insist", 10);
          $("insisted").textContent = told ? `It saw a ${told.label} and said ${told.said.join(", ")}; now it says ${told.then}. Undo takes it back, one reward at a time.`
            : "It reads every image of its lessons rightly: take a new pupil.";
          if (told) after(told);
          gallery();
        };
      },
      inhibition: () => { $("inhibition").onchange = () => {}; } };
    wire[id]();
  }

  // --- teaching ---------------------------------------------------------------------------------------------------

  const teach = { lesson: null, classes: 2, seed: 1,
    get busy() { return $("teach").getAttribute("aria-busy") === "true"; },
    set busy(value) { $("teach").setAttribute("aria-busy", String(value)); } };
  const options = () => ({ counted: $("phi").checked, inhibition: !$("inhibition")?.checked });

  function showLesson(lesson) {
    teach.lesson = lesson;
    views.digit($("lesson-image"), lesson.pixels, 6);
    $("lesson-image").setAttribute("aria-label", `The lesson's image, a ${lesson.label}`);
    $("lesson-number").textContent = `Lesson ${lesson.count + 1}`;
    const first = views.bars($("lesson-bars"), lesson.top, Math.max(...lesson.top));
    $("says").innerHTML = lesson.decision < 0 ? "The pupil is silent." : `The pupil says: <b>${lesson.decision}</b>, ahead by ${number(first.lead)}`;
    $("undo").disabled = !lesson.count;
  }

  function showCurve(points) {
    $("curve").innerHTML = views.curve(points, teach.classes);
    if (points.length) $("accuracy").textContent = `It reads ${number(points.at(-1)[1])} % of digits it has never seen`;
  }

  function after({ lesson, curve }) {
    showLesson(lesson);
    showCurve(curve);
  }

  async function busy(call) {
    if (teach.busy) return;
    teach.busy = true;
    try {
      await call();
    } finally {
      teach.busy = false;
    }
  }

  const judge = judgement => busy(async () => {
    const result = await ask("judge", judgement, options()), { change } = result;
    after(result);
    $("change").hidden = !change.before;
    if (!change.before) return;
    const most = Math.max(views.strongest(change.before), views.strongest(change.after));
    views.picture($("before"), change.before, 3, most);
    views.picture($("after"), change.after, 3, most);
    views.difference($("difference"), change.before, change.after, 3);
    const done = { reward: "Rewarded", punish: "Punished", neutral: "No comment" }[judgement];
    const others = change.learners > 1 ? ` Without inhibition the other ${change.learners - 1} maps learned as well.` : "";
    $("change-text").textContent = change.gained + change.lost ? `${done} for saying ${change.decision}. In the winner’s map ${
      number(change.gained)} synapses gained and ${number(change.lost)} lost ${
      judgement === "reward" ? ": it grew more like the image." : ": it grew less like the image."} The others did not learn.${others}`.replace(" :", ":")
        .replace("The others did not learn. W", "W")
      : `${done}: nothing changes.${judgement === "neutral" ? " Without a signal, no synapse moves." : " φ is 0, or the weights are at their bounds."}`;
    if (change.learners > 1) gallery();
    else if (change.learners) drawMap(change.found.feature, change.after);
  });

  function drawMap(feature, values) {
    const canvas = $("maps").querySelectorAll("canvas")[feature];
    views.picture(canvas, values, 1);
    canvas.classList.add("just");
    setTimeout(() => canvas.classList.remove("just"), 900);
  }

  async function gallery() {
    const { pictures, each } = await ask("pictures");
    $("maps").replaceChildren(...Array.from({ length: pictures.length / each }, (_, label) => {
      const row = document.createElement("div");
      row.innerHTML = `<b>${label}</b>`;
      for (const values of pictures.slice(label * each, (label + 1) * each)) {
        const canvas = document.createElement("canvas");
        views.picture(canvas, values, 1);
        row.append(canvas);
      }
      return row;
    }));
  }

  async function newPupil() {
    teach.busy = true;
    teach.classes = +$("classes").value;
    $("change").hidden = true;
    const begun = await ask("begin", teach.classes, teach.seed++);
    after(begun);
    $("ready").textContent = `Measured on ${begun.heldOut} held-out digits, which are in no lesson.${teach.classes > 3
      ? " Ten digits take hundreds of lessons." : ""}`;
    teach.busy = false;
    await gallery();
  }

  listeners.curve = ({ curve, done, of }) => {
    showCurve(curve);
    if (of) $("teach-progress").value = done / of;
  };

  const byItself = count => busy(async () => {
    $("stop").disabled = $("teach-progress").hidden = false;
    $("teach-progress").value = 0;
    const result = await ask("byItself", count, options());
    $("stop").disabled = $("teach-progress").hidden = true;
    if (result) after(result);
    $("change").hidden = true;
    gallery();
  });

  $("reward").onclick = () => judge("reward");
  $("punish").onclick = () => judge("punish");
  $("neutral").onclick = () => judge("neutral");
  $("undo").onclick = () => busy(async () => {
    const result = await ask("undo");
    if (!result) return;
    after(result);
    $("change").hidden = true;
    gallery();
  });
  $("reset").onclick = $("classes").onchange = newPupil;
  $("teach-20").onclick = () => byItself(20);
  $("teach-500").onclick = () => byItself(500);
  $("stop").onclick = () => ask("stop");
  $("teach").addEventListener("keydown", event => {
    const name = { r: "reward", p: "punish", n: "neutral" }[event.key.toLowerCase()];
    if (name && free(event)) $(name).click();
  });

  // --- the check, and the beginning -------------------------------------------------------------------------------

  $("check").onclick = async () => {
    $("check").disabled = true;
    $("checked").textContent = "Computing …";
    const names = { input: "input: spike times", s1: "S1: spike times", c1: "C1: spike times", s2: "S2: spike times", c2: "C2: spike times",
      decision: "decisions", lessons: "lessons: decisions" };
    const rows = await ask("check"), equal = rows.every(([, same, of]) => same === of);
    $("checked").innerHTML = `<p>${equal ? "✓ All of it, to the last bit." : "✗ Not all of it. Please report this, with the name of your browser."}</p>
      <table><thead><tr><th scope="col">what</th><th scope="col">equal</th><th scope="col">of</th></tr></thead><tbody>${rows.map(([name, same, of]) =>
      `<tr><th scope="row">${names[name] ?? name}</th><td>${number(same)}</td><td>${number(of)}</td></tr>`).join("")}</tbody></table>`;
    $("check").disabled = false;
  };

  async function begin() {
    for (const name of ["watch", "try", "teach", "about"]) $(name).hidden = false;
    const { facts } = liveGolden;
    $("facts").textContent = `Of ${number(facts.images)} test images of MNIST the network with S3's weights in 8 bits reads ${facts.accuracy} % ` +
      `and decides as the exact one in ${facts.agreement} % of all cases.`;
    cards(questions.watching, $("cards"));
    cards(questions.teaching, $("teach-cards"));
    show("input");
    drawPad();
    const samples = await ask("start", liveWeights, liveDigits, liveGolden);
    for (const sample of samples) {
      const button = document.createElement("button"), canvas = document.createElement("canvas");
      button.type = "button";
      button.sample = sample;
      button.setAttribute("aria-label", `A ${sample.label} of the test set`);
      views.digit(canvas, sample.pixels, 2);
      button.append(canvas);
      button.onclick = () => take(sample);
      $("samples").append(button);
    }
    $("status").textContent = "";
    take(samples[7]);
    await newPupil();
  }

  window.live = { ask, image, state, picture, usual }; // for those who open the console, and for the test
  begin().catch(error => { $("status").textContent = `The network cannot run in this browser (${error.message}).`; throw error; });
})();
