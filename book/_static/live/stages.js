// The six stages of the network side by side, or one at a time and large, as always on a phone, or as tables.
"use strict";

/** `picked(of, neuron)` is told which neuron of a stage the visitor wants to look into; without one, any. */
function liveStages({ $, rest }, views, picked) {
  const { STAGES, number } = views;

  for (const of of STAGES) {
    const figure = document.createElement("figure");
    figure.id = `live-stage-${of.name}`;
    figure.innerHTML = `<figcaption><b>${of.title}</b> ${of.what} <a href="${of.chapter}.html">chapter&nbsp;${
      +of.chapter.slice(0, 2)}</a></figcaption><canvas role="img" aria-label="${of.title}"></canvas>
      <p><span class="count"></span> <button type="button" aria-label="Look into a neuron of ${of.title}">Look into one</button></p>`;
    const canvas = figure.querySelector("canvas");
    canvas.onclick = event => {
      const box = canvas.getBoundingClientRect(), unit = canvas.width / of.scale / box.width;
      const found = views.neuronAt(of, Math.floor((event.clientX - box.left) * unit), Math.floor((event.clientY - box.top) * unit));
      if (found) picked(of, found);
    };
    figure.querySelector("button").onclick = () => picked(of);
    $("stages").append(figure);
    tab(of.title, of.name);
  }
  tab("All", "all");

  function tab(title, name) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = title;
    button.dataset.shows = name;
    button.onclick = () => choose(name);
    $("tabs").append(button);
  }

  /** Which stage is shown large. Of "all" a phone shows one as well, the one before. */
  function choose(name) {
    $("stages").classList.toggle("single", name !== "all");
    for (const button of $("tabs").children) button.setAttribute("aria-pressed", String(button.dataset.shows === name));
    if (name !== "all") for (const of of STAGES) $(`stage-${of.name}`).classList.toggle("current", of.name === name);
    again();
  }

  function one(of, view, step) {
    const figure = $(`stage-${of.name}`), canvas = figure.querySelector("canvas");
    if (!figure.offsetWidth) return;
    views.stage(canvas, of, view, step);
    const count = views.counts(view, step).find(({ name }) => name === of.name);
    const text = count ? `${number(count.now)} fire now; ${number(count.sofar)} of ${number(count.all)} have fired`
      : "no threshold: it never fires, it adds up";
    figure.querySelector(".count").textContent = text;
    canvas.setAttribute("aria-label", `${of.title}, step ${step}: ${text}`);
  }

  let wanted = null, last = null, drawing = false;
  /** Draw what there is at a step, a stage at a time; what is asked for meanwhile comes next. */
  async function draw(view, step) {
    wanted = last = { view, step };
    if (drawing) return;
    drawing = true;
    while (wanted) {
      const { view, step } = wanted;
      wanted = null;
      await rest();
      if ($("as-table").checked) views.table($("table"), view, step);
      else {
        for (const of of STAGES) {
          one(of, view, step);
          await rest();
        }
      }
    }
    drawing = false;
  }

  const again = () => last && draw(last.view, last.step);

  $("as-table").onchange = () => {
    const table = $("as-table").checked;
    $("table").hidden = !table;
    $("stages").hidden = $("tabs").hidden = table;
    again();
  };
  addEventListener("resize", again); // a wider window shows all stages
  choose("input");
  if (!matchMedia("(max-width: 720px)").matches) choose("all");

  return { draw };
}
