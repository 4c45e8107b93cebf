// Watching: what is on the pad goes through the network, and all that is seen of it goes through time.
"use strict";

function liveWatch(page, views) {
  const { $, ask, calm } = page, { STAGES, number } = views, LAST = views.BINS - 1;
  const settings = {}; // what is not as usual, under "Try"
  let view = null; // what the worker found for the image that was shown last

  const neuron = liveNeuron(page, views);
  const stages = liveStages(page, views, neuron.open);
  const transport = liveTransport(page, LAST, () => {
    draw();
    if (view) say();
  });
  const pad = livePad($("pad"), livePicture(), {
    drawn(done) {
      transport.stop();
      transport.set(LAST);
      mark(null);
      run(done);
    },
    said: text => { $("said").textContent = text; } });

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
    view = await ask("run", pad.source, settings);
    const { image, found } = view, seen = image.some(value => value);
    views.digit($("prepared"), image);
    $("prepared").setAttribute("aria-label", `What the network gets: ${seen ? "the digit, 28 by 28 pixels" : "nothing"}`);
    if (play && !calm.matches && !pending) {
      transport.set(0);
      transport.play();
    } else if (!transport.playing) transport.set(LAST);
    draw();
    if (pending) return;
    await neuron.renew(view);
    const about = found.feature < 0 ? null : await ask("neuron", "s3", found.feature, found.row, found.column);
    if (about) views.feature($("winner"), about, image, [0, 0, 28]);
    $("winner-seen").classList.toggle("none", !about);
    $("winner").setAttribute("aria-label", about ? `What the winner, map ${found.feature}, looks for, with the digit laid over it` : "No winner");
  }

  function draw() {
    if (!view) return;
    const { step } = transport, first = views.bars($("bars"), view.best[step], Math.max(...view.best[LAST]));
    $("verdict").textContent = !first ? (step === LAST ? "Silence: no decision" : "Nothing has reached S3 yet")
      : step < LAST ? `So far, a ${first.label} …` : `It says: ${view.decision}`;
    // beside the steps, which stay in sight, and below the pad, where a phone shows nothing else
    $("so-far").textContent = $("pad-says").textContent = $("verdict").textContent;
    $("lead").textContent = first ? `Ahead of ${first.next} by ${number(first.lead)}. Computed in ${Math.round(view.milliseconds)} ms.` : "";
    neuron.draw(step);
    stages.draw(view, step);
  }

  function say() {
    const { step } = transport, first = views.leader(view.best[step]);
    const counts = views.counts(view, step).map(({ title, now }) => `${title} ${now ? `${number(now)} spikes` : "none"}`);
    $("said").textContent = `Step ${step}: ${counts.join(", ")}. ${!first ? "No potential yet." : step === LAST
      ? `Decision: ${view.decision}.` : `Ahead: ${first.label}.`}`;
  }

  function mark(button) {
    for (const each of $("samples").children) each.setAttribute("aria-pressed", String(each === button));
  }

  /** Offer images {pixels, label} to take instead of drawing, and take one of them. */
  function offer(samples, first) {
    for (const { pixels, label } of samples) {
      const button = document.createElement("button"), canvas = document.createElement("canvas");
      button.type = "button";
      button.setAttribute("aria-label", `A ${label} of the test set`);
      views.digit(canvas, pixels, 2);
      button.append(canvas);
      button.onclick = () => {
        transport.stop();
        pad.show(pixels);
        mark(button);
        return run(true);
      };
      $("samples").append(button);
    }
    return $("samples").children[first].onclick();
  }

  $("clear").onclick = () => {
    transport.stop();
    pad.clear();
    mark(null);
    run();
  };

  return { run, offer, settings, pad, get view() { return view; } };
}
