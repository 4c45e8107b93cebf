// Teaching: lessons, judgements, and what they change.
"use strict";

function liveTeach({ $, ask, listen, keys, rest }, views, { teaching, card }, facts) {
  const { number } = views;
  const DONE = { reward: "Rewarded", punish: "Punished", neutral: "No comment" };
  let classes = 2, seed = 1, shown = null; // the lesson that is on the page

  const options = () => ({ counted: $("phi").checked, inhibition: !$("inhibition")?.checked });

  function showLesson(lesson) {
    const { pixels, label, count, top, decision } = shown = lesson;
    views.digit($("lesson-image"), pixels, 6);
    $("lesson-image").setAttribute("aria-label", `The lesson's image, a ${label}`);
    $("lesson-number").textContent = `Lesson ${count + 1}`;
    const most = Math.max(...top), least = Math.min(...top), close = least > 0.6 * most; // a lead would not be seen
    const first = views.bars($("lesson-bars"), top, most, close ? Math.floor(2 * least - most - 1) : 0);
    $("says").innerHTML = decision < 0 ? "The pupil is silent." : `The pupil says: <b>${decision}</b>, ahead by ${number(first.lead)}`;
    $("undo").disabled = !count;
  }

  function showCurve(points) {
    $("curve").innerHTML = views.curve(points, classes);
    $("accuracy").textContent = `It reads ${number(points.at(-1)[1])} % of digits it has never seen`;
  }

  function forget() {
    for (const figure of $("change").querySelectorAll("figure")) figure.hidden = true;
    $("change-text").textContent = "What a judgement of yours changes will be seen here.";
  }

  function showChange({ judgement, before, after, decision, gained, lost, learners }, { pixels, label }) {
    if (!before) return forget();
    for (const figure of $("change").querySelectorAll("figure")) figure.hidden = false;
    views.digit($("judged"), pixels, 5);
    $("judged").setAttribute("aria-label", `The image that was judged, a ${label}`);
    const most = Math.max(views.strongest(before), views.strongest(after));
    views.picture($("before"), before, 3, most);
    views.picture($("after"), after, 3, most);
    views.difference($("difference"), before, after, 3);
    const others = learners > 1 ? `Without inhibition the other ${learners - 1} maps learned as well.` : "The others did not learn.";
    const reward = judgement === "reward", [few, many] = reward ? ["gain", "lose"] : ["lose", "gain"];
    const why = judgement === "neutral" ? "Without a signal, no synapse moves." : "φ is 0, or the weights are at their bounds.";
    $("change-text").textContent = gained + lost ? `${DONE[judgement]} for saying ${decision}. In the winner’s map ${number(gained)} synapses gained and ${
      number(lost)} lost: it grew ${reward ? "more" : "less"} like that image, in which the few inputs that have spiked ${
      few} and the many silent ones ${many}. ${others}`
      : `${DONE[judgement]}: nothing changes. ${why}`;
  }

  function after({ lesson, curve }) {
    showLesson(lesson);
    showCurve(curve);
  }

  let work = null;
  /** One thing at a time: what is pressed meanwhile does nothing, unless it can wait. */
  async function busy(call, waits = false) {
    if (work && !waits) return;
    while (work) await work.catch(() => {});
    $("teach").setAttribute("aria-busy", "true");
    work = call().finally(() => {
      work = null;
      $("teach").setAttribute("aria-busy", "false");
    });
    await work;
  }

  const judge = judgement => busy(async () => {
    const judged = shown, result = await ask("judge", judgement, options()), { change } = result;
    after(result);
    await rest();
    showChange(change, judged);
    if (change.learners > 1) await gallery();
    else if (change.learners) renew(change);
  });

  let maps = []; // what each has learned, painted: a row for each digit
  async function gallery() {
    const { pictures, each } = await ask("pictures");
    maps = Array.from({ length: pictures.length / each }, (_, label) => pictures.slice(label * each, (label + 1) * each));
    $("maps").replaceChildren(...maps.map((_, label) => {
      const row = document.createElement("div");
      row.innerHTML = `<b>${label}</b><canvas></canvas>`;
      return row;
    }));
    for (const label of maps.keys()) {
      drawMaps(label);
      await rest();
    }
  }

  function drawMaps(label, changed) {
    const canvas = $("maps").querySelectorAll("canvas")[label];
    if (canvas) views.row(canvas, maps[label], changed);
  }

  /** A map has learned: its picture is another now, and stands out for a moment. */
  function renew({ decision, place, after }) {
    maps[decision][place] = after;
    drawMaps(decision, place);
    setTimeout(() => drawMaps(decision), 900);
  }

  const newPupil = () => busy(async () => {
    classes = +$("classes").value;
    const { lesson, curve, heldOut } = await ask("begin", classes, seed++);
    forget();
    after({ lesson, curve });
    const taught = facts.taught.filter(each => each.classes === classes).map(
      ({ lessons, accuracy, low, high }) => `${accuracy} % (${low} to ${high}) after ${lessons} lessons`);
    $("ready").textContent = `Measured on ${heldOut} held-out digits, which are in no lesson. ${facts.pupils} pupils whose teacher never erred read on average ${
      taught.join(" and ")}.`;
    await gallery();
  }, true);

  const byItself = count => busy(async () => {
    $("stop").disabled = $("teach-progress").hidden = false;
    $("teach-progress").value = 0;
    const result = await ask("byItself", count, options());
    $("stop").disabled = $("teach-progress").hidden = true;
    forget();
    after(result);
    await gallery();
  });

  const undo = () => busy(async () => {
    const result = await ask("undo");
    if (!result) return;
    forget();
    after(result);
    await gallery();
  });

  const insist = () => busy(async () => {
    const told = await ask("insist", 10);
    $("insisted").textContent = told ? `It saw a ${told.label} and said ${told.said.join(", ")}; now it says ${told.then}. Undo takes it back, one reward at a time.`
      : "It reads every image of its lessons rightly: take a new pupil.";
    if (!told) return;
    forget();
    after(told);
    await gallery();
  });

  for (const judgement of ["reward", "punish", "neutral"]) $(judgement).onclick = () => judge(judgement);
  keys($("teach"), { r: () => judge("reward"), p: () => judge("punish"), n: () => judge("neutral") });
  $("undo").onclick = undo;
  $("reset").onclick = $("classes").onchange = () => {
    ask("stop");
    newPupil();
  };
  for (const count of [20, 500]) $(`teach-${count}`).onclick = () => byItself(count);
  $("stop").onclick = () => ask("stop");
  listen("curve", ({ curve, done, of }) => {
    showCurve(curve);
    $("teach-progress").value = done / of;
  });
  const unlocked = id => { if (id === "insist") $("insist").onclick = insist; };
  for (const question of teaching) $("teach-cards").append(card(question, unlocked));

  return { begin: newPupil };
}
