// Questions to answer before a control unlocks. Numbers in the answers are measured: here, or by the command that wrote
// golden.js (`facts`).
"use strict";

function liveQuestions(facts) {
  const slider = (id, setting, label, min, max, value, step = 1, unit = "") => `<label>${label} <input type="range" id="live-${id}"
    data-setting="${setting}" data-unit="${unit}" min="${min}" max="${max}" step="${step}" value="${value}"><output id="live-${id}-value">${
    value}${unit}</output></label>`;
  const box = (id, label, setting) => `<label><input type="checkbox" id="live-${id}"${
    setting ? ` data-setting="${setting}"` : ""}> ${label}</label>`;
  const chapter = (name, number) => `<a href="${name}.html">Chapter ${number}</a>`;

  const list = ([first, second, third]) => `${first}, ${second} and ${third}`;

  const watching = [
    { id: "contrast", ask: "You draw the same digit with half the contrast: every grey level is halved. What happens to the spikes?",
      options: ["Half as many spikes", "The same spikes, half as strong", "Most stay, in the same order", "All of them come later"],
      right: 2, why: `Spikes have no size, and a response is divided by the mean around it before all are ranked: halving everything leaves
        the ranks alone. Only one thing on the way to spikes knows absolute grey levels: responses of the contrast filters under 50 are dropped, so
        the faintest spikes go. Those that stay nearly keep their order, though with fewer of them many move to the step before or after, and as all that
        follows hears less, the lead shrinks. Turn the contrast down until that threshold really bites.
        ${chapter("01-from-pixels-to-spike-times", 1)}`,
      control: slider("contrast", "contrast", "contrast", 5, 100, 100, 5, " %") },
    { id: "scramble", ask: "Each spike of C2 gets another time, drawn by lot. What does the network decide?",
      options: ["Something else nearly every time", "The same as before", "Nothing: it stays silent"],
      right: 1, why: `S3 has no threshold and never fires. Its potentials are read out at the end, and by then it does not matter when an input has
        spiked, only whether. Time counts in S1 and S2. Look at the bars while it plays: they grow otherwise and end at the same height.
        ${chapter("06-learning-from-reward", 6)}`,
      control: box("scramble", "scramble C2’s spike times", "scramble") },
    { id: "shift", ask: "A digit is moved by three pixels, and nobody centres it. How many of the moved digits does the network still read?",
      options: ["Nearly all: pooling makes it blind to position", "About half", "None"],
      right: 1, why: `C1 pools over 2 × 2 and C2 over 3 × 3 neurons, which forgives a pixel or so. But S3’s features stand on C2’s grid of
        4 × 4. Of ${facts.shiftImages} test images, each moved to four sides by 1, 2 and 3 pixels, ${list(facts.shifts)} % are read; moved that far in both
        directions at once, ${list(facts.corners)} %.
        ${chapter("03-convolution-pooling-competition", 3)}`,
      control: `${slider("shift-right", "right", "to the right", -6, 6, 0)}${slider("shift-down", "down", "down", -6, 6, 0)}
        ${box("uncentred", "take my drawing as it stands, without centring", "uncentred")}
        <button type="button" id="live-measure">Measure: held-out digits moved by 3 pixels</button>
        <output id="live-measured"></output>` },
    { id: "blank", ask: "You show it a blank pad. What does it say?",
      options: ["0: there is nothing there", "The digit it has seen most often", "Nothing at all"],
      right: 2, why: `No contrast, no spikes; no spikes, no potentials; and where all potentials are zero there is no winner. Silence is not a
        vote for zero, and the book counts silent decisions apart. ${chapter("06-learning-from-reward", 6)}`,
      control: '<button type="button" id="live-blank">Show it a blank pad</button>' },
    { id: "s1", ask: "S1’s threshold is raised from 15 to 20: a neuron needs more inputs before it fires. What do you expect of S1?",
      options: ["The same spikes, but weaker ones", "Fewer spikes, and later ones", "More spikes: it tries harder"],
      right: 1, why: `A potential climbs a staircase, and a higher threshold is crossed on a later step or never. S2 then hears less, and at some
        point nothing is left to decide by. A lower threshold lets nearly everything fire: the features blur. ${chapter("02-the-single-spike-neuron", 2)}`,
      control: slider("s1", "s1", "threshold of S1", 1, 40, 15) },
    { id: "s2", ask: "And if S2’s threshold goes down from 10 to 4?",
      options: ["S2 fires more, and the decision gets surer", "S2 fires more, and its maps tell less apart", "Nothing changes behind S2"],
      right: 1, why: `With a low threshold a few edges are enough, whatever else is missing: maps that looked for different parts of a digit fire
        together. More spikes are not more knowledge. ${chapter("05-going-deeper", 5)}`,
      control: slider("s2", "s2", "threshold of S2", 1, 30, 10) }];

  const teaching = [
    { id: "insist", ask: "The pupil is wrong, and you reward it for that, ten times in a row on the same image. What will it say then?",
      options: ["The right answer: the image itself shows what is right", "Its wrong answer, more surely than before", "Something at random"],
      right: 1, why: `Nothing in the network knows the label but you. A reward makes the winner a better match for what it has just seen, right or
        wrong. You are the dopamine: if you err, it learns your errors. ${chapter("06-learning-from-reward", 6)}`,
      control: `<button type="button" id="live-insist">Find an image it reads wrongly, and reward it ten times</button>
        <output id="live-insisted"></output>` },
    { id: "inhibition", ask: "Inhibition lets only the winner learn. Without it, the strongest neuron of every map learns from every lesson. What then?",
      options: ["It learns faster: more neurons, more knowledge", "The maps stay more alike, and it reads worse", "It makes no difference"],
      right: 1, why: `If all maps move the same way, hardly a difference between them can grow, and a decision is nothing but a difference. Competition is
        what makes them divide the work. Try it with a new pupil and a hundred lessons: it gets somewhere, and stays behind or falls back. (This switch is the page’s own; the book’s network always
        has a winner.) ${chapter("03-convolution-pooling-competition", 3)}`,
      control: box("inhibition", "without inhibition") }];

  /** A card: the question; once it is answered, why, and the control. `unlocked(id, card)` is told then. */
  function card({ id, ask, options, right, why, control }, unlocked) {
    const form = document.createElement("form");
    form.className = "live-card";
    form.id = `live-card-${id}`;
    form.innerHTML = `<fieldset><legend>${ask}</legend>${options.map((option, i) =>
      `<label class="live-option"><input type="radio" name="live-${id}-guess" value="${i}" required> <span>${option}</span></label>`).join("")}
      </fieldset><button type="submit">That is my guess</button><div class="live-answer" hidden tabindex="-1"><p class="live-mark"></p><p>${why}</p>
      <div class="live-row live-unlocked">${control}</div><p class="live-outcome" role="status"></p></div>`;
    form.onsubmit = event => {
      event.preventDefault();
      const answer = form.querySelector(".live-answer"), guess = +form.querySelector("input:checked").value;
      form.querySelectorAll(".live-option").forEach((option, i) => {
        option.classList.toggle("right", i === right);
        option.querySelector("input").disabled = true;
        if (i === right) option.append(" ✓");
      });
      form.querySelector(".live-mark").textContent = guess === right ? "✓ So it is." : "Not quite: see the ticked answer.";
      form.querySelector("button[type=submit]").hidden = true;
      answer.hidden = false;
      answer.focus({ preventScroll: true });
      unlocked(id, form);
    };
    return form;
  }

  return { watching, teaching, card };
}
