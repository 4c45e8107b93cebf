"""Animations that play on the page: PNG frames in one piece of HTML, which loads nothing from elsewhere."""

from __future__ import annotations

import base64
import html
import io
import json
import zlib
from collections.abc import Iterable, Sequence

from IPython.display import HTML
from matplotlib.figure import Figure
from PIL import Image


def animate(frames: Iterable[Figure], captions: Sequence[str], alt: str, seconds: float = 0.5) -> HTML:
    """Figures as an animation with a play button and a slider, a frame every `seconds`; it plays in a loop.

    captions: one line for each frame, beside the slider; alt: describes the whole to readers who do not see it. It
    starts when it comes into view, and stops any other; it waits for the reader where the system asks for less motion.
    """
    encoded = [_png(frame) for frame in frames]
    name = f"wave{zlib.crc32(''.join(encoded).encode())}"
    return HTML(_PLAYER.replace("NAME", name).replace("LAST", str(len(encoded) - 1))
                .replace("MILLISECONDS", str(round(1000 * seconds))).replace("ALT", html.escape(alt, quote=True))
                .replace("CAPTIONS", json.dumps(list(captions))).replace("FRAMES", json.dumps(encoded)))


def _png(fig: Figure, dpi: int = 100) -> str:
    """A figure as a small PNG (64 colours), base64."""
    raw, small = io.BytesIO(), io.BytesIO()
    fig.savefig(raw, format="png", dpi=dpi, facecolor="white")
    Image.open(raw).convert("RGB").quantize(64).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


_PLAYER = """<figure id="NAME" style="background:#fff;color:#222;margin:0;text-align:center">
<img alt="ALT" style="max-width:100%;background:#fff">
<figcaption style="display:flex;gap:.7em;align-items:center;justify-content:center;padding:.3em;flex-wrap:wrap">
<button type="button" style="width:5.5em;padding:.2em">Pause</button>
<input type="range" min="0" max="LAST" value="0" aria-label="frame of the animation" style="width:40%">
<output aria-live="off" style="min-width:11em;text-align:left;font-variant-numeric:tabular-nums"></output></figcaption>
<script>(() => {
  const root = document.getElementById("NAME"), frames = FRAMES, captions = CAPTIONS;
  const [image, button, slider, text] = ["img", "button", "input", "output"].map(tag => root.querySelector(tag));
  const label = text.appendChild(new Text());  // changed in place: new nodes would keep the page's own scripts waiting
  let timer = null;
  const show = step => { image.src = "data:image/png;base64," + frames[step]; slider.value = step;
    label.data = captions[step]; slider.setAttribute("aria-valuetext", captions[step]); };
  const stop = () => { clearInterval(timer); timer = null; button.textContent = "Play"; };
  const play = () => { clearInterval(timer); dispatchEvent(new CustomEvent("rstdp-plays", {detail: root}));
    timer = setInterval(() => show((+slider.value + 1) % frames.length), MILLISECONDS);
    button.textContent = "Pause"; };
  button.onclick = () => timer ? stop() : play();
  slider.oninput = () => { stop(); show(+slider.value); };
  addEventListener("beforeprint", () => { stop(); show(frames.length - 1); });  // paper shows how it ends
  addEventListener("rstdp-plays", event => { if (event.detail !== root && timer) stop(); });  // one at a time
  show(0);
  stop();
  const seen = new IntersectionObserver(entries => { if (entries.some(each => each.isIntersecting)) {
    seen.disconnect(); play(); } }, {threshold: 0.6});
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) seen.observe(root);
})();</script></figure>"""
