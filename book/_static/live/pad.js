// The pad: ink from a mouse, a finger or the keyboard.
"use strict";

/** `drawn(done)` is called after each piece of a line, and with true at its end; `said(text)` tells where the pen is. */
function livePad(canvas, { SIDE, stroke }, { drawn, said }) {
  const CELL = 14; // pixels that a key moves the pen
  const ink = new Uint8Array(SIDE * SIDE);
  const pen = { x: SIDE / 2, y: SIDE / 2, down: false, last: null, keys: false };
  let drawing = false, taken = null; // is the ink the visitor's own; the image (28 x 28) that it shows, if it is not

  function paint() {
    const context = canvas.getContext("2d"), pixels = context.createImageData(SIDE, SIDE);
    const words = new Uint32Array(pixels.data.buffer);
    for (let i = 0; i < ink.length; i++) words[i] = 0xFF000000 | (ink[i] << 16) | (ink[i] << 8) | ink[i];
    context.putImageData(pixels, 0, 0);
    if (!drawing && !taken) { // where a digit has its place
      context.lineWidth = 1;
      context.strokeStyle = "#777";
      context.setLineDash([5, 7]);
      context.strokeRect(60.5, 30.5, 159, 219);
    }
    if (!pen.keys) return;
    context.setLineDash([]);
    context.lineWidth = 3;
    context.strokeStyle = pen.down ? "#de8f05" : "#56b4e9";
    context.beginPath();
    context.arc(pen.x, pen.y, 13, 0, 7);
    context.moveTo(pen.x - 18, pen.y);
    context.lineTo(pen.x + 18, pen.y);
    context.moveTo(pen.x, pen.y - 18);
    context.lineTo(pen.x, pen.y + 18);
    context.stroke();
  }

  function line(x, y) {
    if (!drawing) clear();
    drawing = true;
    stroke(ink, ...(pen.last ?? [x, y]), x, y);
    pen.last = [x, y];
    paint();
    drawn(false);
  }

  function clear() {
    ink.fill(0);
    drawing = false;
    pen.last = taken = null;
    paint();
  }

  /** Show an image (28 x 28), ten times as large. */
  function show(image) {
    clear();
    taken = image;
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) ink[y * SIDE + x] = image[Math.floor(y / 10) * 28 + Math.floor(x / 10)];
    }
    paint();
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height];
  }

  canvas.onpointerdown = event => {
    canvas.setPointerCapture(event.pointerId);
    pen.keys = false;
    pen.last = null;
    line(...place(event));
  };
  canvas.onpointermove = event => { if (canvas.hasPointerCapture(event.pointerId)) line(...place(event)); };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (!pen.last) return;
    pen.last = null;
    drawn(true);
  };

  const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] };
  canvas.onkeydown = event => {
    const move = MOVES[event.key];
    if (!move && !(event.key === "Escape" && pen.down)) return;
    event.preventDefault();
    const wasDown = pen.down, [dx, dy] = move ?? [0, 0];
    if (event.key === " ") pen.down = !pen.down;
    if (event.key === "Escape") pen.down = false;
    pen.keys = true;
    pen.x = Math.min(SIDE - CELL, Math.max(CELL, pen.x + CELL * dx));
    pen.y = Math.min(SIDE - CELL, Math.max(CELL, pen.y + CELL * dy));
    if (pen.down) line(pen.x, pen.y);
    else {
      pen.last = null;
      paint();
      if (wasDown) drawn(true);
    }
    said(`pen ${pen.down ? "down" : "up"}, column ${pen.x / CELL} of ${SIDE / CELL - 1}, row ${pen.y / CELL} of ${SIDE / CELL - 1}`);
  };
  canvas.onblur = () => {
    pen.keys = pen.down = false;
    pen.last = null;
    paint();
  };

  paint();
  return { clear, show, ink, get source() { return taken ? { pixels: taken } : { ink }; } };
}
