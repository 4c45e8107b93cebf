// The page: puts its parts together and wakes them up.
"use strict";

(() => {
  const page = livePage(), views = liveViews(), { $, ask, rest } = page, { number } = views, { facts } = liveGolden;
  const LAYERS = { input: "input: spike times", s1: "S1: spike times", c1: "C1: spike times", s2: "S2: spike times", c2: "C2: spike times",
    decision: "decisions", lessons: "lessons: decisions" };

  /** Does this browser compute what Python computed? */
  async function check() {
    $("check").disabled = true;
    $("checked").textContent = "Computing …";
    const rows = await ask("check"), equal = rows.every(([, same, of]) => same === of);
    $("checked").innerHTML = `<p>${equal ? "✓ All of it, to the last bit." : "✗ Not all of it. Please report this, with the name of your browser."}</p>
      <table><thead><tr><th scope="col">what</th><th scope="col">equal</th><th scope="col">of</th></tr></thead><tbody>${rows.map(([name, same, of]) =>
      `<tr><th scope="row">${LAYERS[name] ?? name}</th><td>${number(same)}</td><td>${number(of)}</td></tr>`).join("")}</tbody></table>`;
    $("check").disabled = false;
  }

  async function begin() {
    for (const name of ["watch", "try", "teach", "about"]) $(name).hidden = false;
    $("facts").textContent = `Of ${number(facts.images)} test images of MNIST the network with S3’s weights in 8 bits reads ${facts.accuracy} % ` +
      `and decides as the exact one in ${facts.agreement} % of all cases.`;
    $("check").onclick = check;
    await rest();
    const watch = liveWatch(page, views);
    window.live = { ask, watch }; // for those who open the console, and for tests
    await rest();
    const questions = liveQuestions(facts);
    liveTry(page, views, watch, questions);
    const teach = liveTeach(page, views, questions, facts);
    const samples = await ask("start", liveWeights, liveDigits, liveGolden);
    $("status").textContent = "";
    await watch.offer(samples, 7);
    await teach.begin();
  }

  begin().catch(error => {
    $("status").textContent = `The network cannot run in this browser (${error.message}).`;
    throw error;
  });
})();
