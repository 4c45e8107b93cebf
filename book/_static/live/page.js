// What all parts of the page share: its elements, its keys, and the worker, which takes one call at a time and answers each.
"use strict";

function livePage() {
  const $ = name => document.getElementById(`live-${name}`);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  /** Lets the browser do something else, so that nothing keeps it from answering the visitor. */
  const rest = () => new Promise(resolve => setTimeout(resolve));

  // A worker may not be loaded from a file, so its program is handed over as text.
  const program = `(${function (model, data, picture, paint, pupil, main) {
    const worker = main({ model: model(), data: data(), picture: picture(), paint, pupil }, news => postMessage({ news }));
    onmessage = async ({ data: { id, name, values } }) => {
      try {
        postMessage({ id, value: await worker[name](...values) });
      } catch (error) {
        postMessage({ id, error: String(error?.stack ?? error) });
      }
    };
  }})(${[liveModel, liveData, livePicture, livePaint, livePupil, liveWorker]})`;
  const worker = new Worker(URL.createObjectURL(new Blob([program], { type: "text/javascript" })));
  const waiting = new Map(), listeners = {};
  let calls = 0;

  worker.onmessage = ({ data: { id, value, error, news } }) => {
    if (news) return listeners[news.about]?.(news);
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    return error ? reject(new Error(error)) : resolve(value);
  };

  /** What the worker answers to a call. */
  const ask = (name, ...values) => new Promise((resolve, reject) => {
    waiting.set(++calls, { resolve, reject });
    worker.postMessage({ id: calls, name, values });
  });

  /** Be told while a long call is under way. */
  const listen = (about, told) => { listeners[about] = told; };

  /** Keys act only while the focus is within the section, and not where a control has a use for them. */
  function keys(section, acts) {
    section.addEventListener("keydown", event => {
      const { key, target } = event, act = acts[key.length === 1 ? key.toLowerCase() : key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, [role=application]") ||
        (key === " " && target.closest("button, a"))) return;
      event.preventDefault();
      act();
    });
  }

  return { $, calm, rest, ask, listen, keys };
}
