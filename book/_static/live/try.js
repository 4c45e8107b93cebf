// Trying: what the controls of answered questions change, and what comes of it for the digit that is on the pad.
"use strict";

function liveTry({ $, ask, listen }, views, watch, { watching, card }) {
  const { STAGES, number } = views, { settings } = watch, LAST = views.BINS - 1;
  const LAYER = { contrast: "input", scramble: "c2", s1: "s1", s2: "s2" }; // the first that a control changes

  /** How many spikes of a layer there were, there are, and how many came at the same time. */
  function kept(name, before, now, when) {
    const [a, b] = [before, now].map(({ times }) => times[name].data), count = data => data.reduce((sum, t) => sum + (t <= LAST), 0);
    const same = a.reduce((sum, t, i) => sum + (t <= LAST && t === b[i]), 0);
    return ` ${STAGES.find(stage => stage.name === name).title}: ${number(count(a))} spikes ${when}, ${number(count(b))} now, ${
      number(same)} of them at the same time.`;
  }

  /** All that is not as usual, as its labels say it. */
  const names = () => [...$("cards").querySelectorAll("[data-setting]")].filter(({ dataset }) => dataset.setting in settings).map(
    ({ labels }) => labels[0].textContent.replace(/\s+/g, " ").trim()).concat(settings.blank ? ["a blank pad"] : []);

  /** Compare the network as it is tried with the one without this card's control, on the same digit, and say so there. */
  async function outcome(id) {
    const others = { ...settings }, own = $(`card-${id}`).querySelectorAll("[data-setting]");
    for (const { dataset } of own) delete others[dataset.setting];
    if (id === "blank") delete others.blank;
    const alone = !Object.keys(others).length, before = await ask("run", watch.pad.source, others);
    await watch.run();
    const { view } = watch;
    const said = ({ decision, best }) => decision < 0 ? "silence" : `${decision} (ahead by ${number(views.leader(best[LAST]).lead)})`;
    $(`card-${id}`).querySelector(".live-outcome").textContent =
      `${alone ? "Usually" : "With what else is changed, but without this"}: ${said(before)}. Now: ${said(view)}.${
        LAYER[id] ? kept(LAYER[id], before, view, alone ? "usually" : "without this") : ""}`;
    const changed = names();
    $("status").innerHTML = changed.length ? '<span></span><button type="button">Back to normal</button>' : "";
    if (!changed.length) return;
    $("status").querySelector("span").textContent = `Changed under “Try”: ${changed.join("; ")}.`;
    $("status").querySelector("button").onclick = normal;
  }

  /** Take a control's value over; settings hold only what is not as usual. */
  function set(control) {
    const { setting, unit = "" } = control.dataset, box = control.type === "checkbox";
    const value = box ? control.checked : +control.value, usual = box ? control.defaultChecked : +control.defaultValue;
    if (value === usual) delete settings[setting];
    else settings[setting] = value;
    if (!box) $(`${control.id.slice(5)}-value`).textContent = value + unit;
  }

  function normal() {
    for (const control of $("cards").querySelectorAll("[data-setting]")) {
      control.checked = control.defaultChecked;
      control.value = control.defaultValue;
      set(control);
    }
    delete settings.blank;
    for (const text of $("cards").querySelectorAll(".live-outcome")) text.textContent = "";
    $("status").textContent = "";
    $("play").focus({ preventScroll: true });
    watch.run();
  }

  async function measure() {
    $("measure").disabled = true;
    listen("measured", ({ done, of }) => { $("measured").textContent = `${done} of ${of} …`; });
    const { right, of } = await ask("measure", 3, settings);
    $("measured").textContent = `${right} of ${of} are read: ${number(100 * right / of)} %.`;
    $("measure").disabled = false;
  }

  function unlocked(id, form) {
    for (const control of form.querySelectorAll("[data-setting]")) {
      control.oninput = () => {
        set(control);
        outcome(id);
      };
    }
    if (id === "shift") $("measure").onclick = measure;
    if (id === "blank") {
      $("blank").onclick = () => {
        settings.blank = true;
        outcome(id);
      };
    }
  }

  for (const question of watching) $("cards").append(card(question, unlocked));
}
