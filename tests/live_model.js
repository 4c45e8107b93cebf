// Runs the page's model in Node, for tests/test_live.py: reads a task in JSON from standard input, answers in JSON.
"use strict";

const path = require("path");
const [weights, digits, model, data, picture, paint] = ["weights", "digits", "model", "data", "picture", "paint"].map(name =>
  require(path.join(__dirname, "..", "book", "_static", "live", `${name}.js`)));

const base64 = array => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
const bytes = text => new Uint8Array(Buffer.from(text, "base64"));

async function answer({ images, thresholds, lessons, pads, painted }) {
  const { Network, learnRstdp, SILENT } = model(), { centred } = picture();
  const network = new Network(await data().weights(weights));
  const found = { layers: [], decisions: [], potentials: [] };
  for (const pixels of images) {
    const times = network.layers(bytes(pixels), thresholds);
    found.layers.push(Object.fromEntries(Object.entries(times).map(([name, { data }]) => [name, base64(data)])));
    found.decisions.push(network.decide(times.c2));
  }
  found.pads = pads.map(ink => base64(centred(bytes(ink))));
  if (lessons) {
    const { classes, maps, seed, phi, features } = lessons, taught = network.fresh(classes, maps, seed);
    found.taught = features.map(({ index, label }) => {
      const { c2 } = network.layers(bytes(images[index]));
      return taught.classOf(learnRstdp(taught.s3, c2, winner =>
        label < 0 ? "neutral" : taught.classOf(winner) === label ? "reward" : "punish", phi));
    });
    const { weight, maps: all } = taught.s3, out = new Float32Array(weight.length);
    for (let i = 0; i < out.length; i++) out[(i % all) * 6250 + Math.floor(i / all)] = weight[i];
    found.weights = base64(out);
  }
  if (painted) {
    const pictures = paint(network);
    found.painted = painted.map(([name, feature]) => base64(pictures[name](feature)));
  }
  const { heldOut } = await data().digits(digits);
  found.spiked = heldOut.slice(0, 3).map(({ spiked }) => base64(spiked));
  return found;
}

let text = "";
process.stdin.on("data", part => { text += part; }).on("end", async () => {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(text))));
});
