// Time: the steps, played or walked through.
"use strict";

/** `moved(step)` is told when the visitor, or the clock, goes to a step. */
function liveTransport({ $, keys }, last, moved) {
  let step = last, timer = null;

  /** Stand at a step and tell nobody. */
  function set(to) {
    step = Math.min(last, Math.max(0, to));
    $("step").value = step;
    $("step").setAttribute("aria-valuetext", `step ${step}`);
    $("time").textContent = `step ${step} of ${last}`;
  }

  function go(to) {
    set(to);
    moved(step);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    $("play").textContent = "Play";
  }

  function play() {
    stop();
    $("play").textContent = "Pause";
    timer = setInterval(() => {
      go(step + 1);
      if (step === last) stop();
    }, +$("speed").value);
  }

  function toggle() {
    if (timer) return stop();
    if (step === last) go(0);
    return play();
  }

  function walk(to) {
    stop();
    go(to);
  }

  $("play").onclick = toggle;
  $("back").onclick = () => walk(step - 1);
  $("forward").onclick = () => walk(step + 1);
  $("step").oninput = () => walk(+$("step").value);
  $("speed").onchange = () => { if (timer) play(); };
  keys($("watch"), { ArrowLeft: () => walk(step - 1), ArrowRight: () => walk(step + 1), " ": toggle });

  return { set, play, stop, get step() { return step; }, get playing() { return timer !== null; } };
}
