// The panel of one neuron: its window, its weights, its potential step by step.
"use strict";

function liveNeuron({ $, ask, calm }, views) {
  const { STAGES, CHANNELS, number } = views, LAST = views.BINS - 1;
  const LINKS = { input: ["01-from-pixels-to-spike-times", 1], s1: ["02-the-single-spike-neuron", 2],
    c1: ["03-convolution-pooling-competition", 3], s2: ["05-going-deeper", 5], c2: ["05-going-deeper", 5],
    s3: ["06-learning-from-reward", 6] };
  let about = null, view = null, step = LAST;

  /** The first neuron of a stage to fire; in S3 the winner. */
  function interesting(of) {
    if (of.name === "s3") return view.found.feature >= 0 ? view.found : { feature: 0, row: 0, column: 0 };
    const { data } = view.times[of.name], i = data.indexOf(data.reduce((a, b) => Math.min(a, b))), area = of.side ** 2;
    return { feature: Math.floor(i / area), row: Math.floor((i % area) / of.side), column: i % of.side };
  }

  /** Open the panel for a neuron {feature, row, column} of a stage, or for one that is worth a look. */
  async function open(of, neuron = interesting(of)) {
    const closed = !about;
    await look(of.name, neuron);
    if (closed) $("neuron").scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
  }

  async function look(name, { feature, row, column }) {
    const found = await ask("neuron", name, feature, row, column), of = STAGES.find(stage => stage.name === name);
    about = found;
    $("neuron").hidden = false;
    $("neuron-layer").value = name;
    for (const [field, value, most] of [["map", feature, of.maps], ["row", row, of.side], ["column", column, of.side]]) {
      $(`neuron-${field}`).max = most - 1;
      $(`neuron-${field}`).value = value;
    }
    const which = name === "input" ? CHANNELS[feature] : `map ${feature}${found.label === undefined ? "" : `, which stands for ${found.label}`}`;
    $("neuron-name").textContent = `A neuron of ${of.title}: ${which}`;
    views.window($("neuron-window"), view.image, found.pixels);
    views.feature($("neuron-feature"), found, view.image, found.pixels, Math.max(3, Math.floor(168 / found.pixels[2])));
    $("neuron-weights").closest("figure").hidden = !found.weights;
    draw();
  }

  /** What changes with time. */
  function draw() {
    views.mapOf($("neuron-field"), about, step);
    if (about.weights) views.weights($("neuron-weights"), about, step);
    $("neuron-stairs").innerHTML = about.potentials ? views.staircase(about, step) : "";
    $("neuron-stairs-text").textContent = about.potentials ? "3 · its potential, step by step" : "";
    const [link, chapter] = LINKS[about.name];
    $("neuron-text").innerHTML = `${words()} <a href="${link}.html">Chapter ${chapter}</a>`;
  }

  /** Its equation, in numbers. */
  function words() {
    const { name, time, potentials } = about;
    const fires = time === null || time > LAST ? "For this image this one stays silent." : `This one fires in step ${time}.`;
    if (name === "input") {
      return `Response of the filter: ${number(about.response)}; ${about.response ? `divided by the mean around it: ${
        number(about.value)}. Its rank among all decides its step` : "under 50, so it is dropped"}. ${fires}`;
    }
    if (about.seen) {
      return `t = min t<sub>i</sub>: it repeats the first spike of its ${about.pool} × ${about.pool} neurons, ${
        about.seen.some(t => t <= LAST) ? `which fire in steps ${about.seen.map(t => t > LAST ? "–" : t).join(", ")} (–: silent)`
          : "which are all silent"}. ${fires}`;
    }
    const inputs = `${number(about.heard)} of its ${number(about.inputs)} inputs`;
    return name === "s3" ? `V = Σ w over the ${inputs} that have spiked = ${number(potentials[LAST])}. No threshold: the largest of all potentials decides.`
      : `V(${step}) = Σ w s = ${number(potentials[step])}; ${inputs} spike in all. A neuron fires when V is first above ${number(about.threshold)}. ${fires}`;
  }

  /** The network has seen another image: look at the same neuron again. */
  async function renew(newer) {
    view = newer;
    if (about) await look(about.name, about);
  }

  STAGES.forEach(({ title, name }) => $("neuron-layer").append(new Option(title, name)));
  $("neuron-field").onclick = event => {
    const box = event.target.getBoundingClientRect(), side = Math.sqrt(about.map.length);
    const [column, row] = [event.clientX - box.left, event.clientY - box.top].map(at => Math.min(side - 1, Math.floor(at / box.width * side)));
    look(about.name, { ...about, row, column });
  };
  for (const field of ["map", "row", "column"]) {
    $(`neuron-${field}`).onchange = () => {
      const clipped = name => Math.min(+$(name).max, Math.max(0, Math.round(+$(name).value || 0)));
      look(about.name, { feature: clipped("neuron-map"), row: clipped("neuron-row"), column: clipped("neuron-column") });
    };
  }
  $("neuron-layer").onchange = () => {
    const of = STAGES.find(({ name }) => name === $("neuron-layer").value);
    look(of.name, interesting(of));
  };
  $("neuron-close").onclick = () => {
    $(`stage-${about.name}`).querySelector("button").focus({ preventScroll: true });
    about = null;
    $("neuron").hidden = true;
  };

  return { open: (of, neuron) => view && open(of, neuron), renew,
    draw: to => {
      step = to;
      if (about) draw();
    } };
}
