"""Make the replication report: train what the preset names, run the chapters and the report notebook, write HTML.

    python -m report build --preset quick --set seed=3

Every preset runs the chapters; one that stops is a row of the report, and the command then ends with exit code 1. A
preset with `recorded = true` rests on recorded results; with the environment variable FROM_SCRATCH=1 it computes all of
them anew first, into report/output/<preset>/results. Everything lands in report/output/<preset>; the report itself is
report/replication-report-<preset>.html, with claims.json beside it. Interrupted, the same command goes on: finished
runs and finished chapters are kept until code, data or parameters change.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbconvert import HTMLExporter
from tqdm import tqdm

from rstdp import data
from rstdp.config import get_config
from rstdp.files import write_text
from rstdp.show import process

from . import REPORT, RESULTS, ROOT
from .lab import experiments, parallel, provenance, registry, schema
from .lab.chapters import files as chapters

NAMES = {"dataset": schema.known_data_set, "configuration": get_config}  #: parameters that name something
HEAD = """<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
html { font-size: 16px; }
body { margin: 0; padding: 0; }
div#notebook-container { max-width: 56rem; width: auto; box-sizing: border-box; padding: 0.8rem; box-shadow: none; }
div#notebook, div.cell, div.output_subarea, div.text_cell_render { padding: 0; max-width: 100%; overflow-x: visible; }
.rendered_html { font-size: 1rem; line-height: 1.5; overflow-wrap: break-word; }
.rendered_html a { color: #0a58ca; }
.rendered_html img, .output_png img, .linked svg { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; margin: 0.8rem 0; }
.scroll table { margin: 0; font-size: 0.85rem; overflow-wrap: normal; }
.scroll td, .scroll th { min-width: 4.5rem; vertical-align: top; text-align: left; }
.prompt, .anchor-link { display: none; }
.failed { color: #b00020; font-weight: bold; }
.hint { display: none; font-size: 0.85rem; margin: 0.8rem 0 -0.6rem; }
@media (max-width: 40rem) { .hint { display: block; } .scroll { border-right: 3px dotted #888; } }
@media print {
  html { font-size: 12px; }
  .hint { display: none; }
  .scroll { overflow: visible; }
  .scroll table { font-size: 0.8rem; width: 100%; table-layout: auto; }
  .scroll td, .scroll th { min-width: 0; padding: 2px 4px; }
  div.cell, div.output, div.output_area, div.output_wrapper, .scroll { break-inside: auto !important; display: block; }
  tr, img { break-inside: avoid; }
  h1, h2, h3, h4 { break-after: avoid; }
  .output_png img, .rendered_html img { max-height: 17cm; width: auto; }
  a[href]::after { content: "" !important; }
}
@media screen and (prefers-color-scheme: dark) {
  html, body, div#notebook-container { background: #14181e; color: #d6dbe1; }
  .rendered_html, div.text_cell_render, .rendered_html p, .rendered_html li, .rendered_html h1,
  .rendered_html h2, .rendered_html h3, .rendered_html td, .rendered_html th,
  .rendered_html code { color: #d6dbe1; background: transparent; }
  .rendered_html tbody tr:nth-child(odd) { background: #1d232b; }
  .rendered_html tbody tr:hover { background: #2a323d; }
  .rendered_html a { color: #7ab8ff; }
  .failed { color: #ff8a80; }
  .rendered_html img, .output_png img, .linked svg { background: white; }
}
</style>
"""


class NotebookError(RuntimeError):
    """A notebook has stopped; the message names it, and the cell and its error."""


class PresetError(ValueError):
    """A preset or parameter that does not exist; the message names it and what there is."""


def load_preset(name: str, changes: list[str]) -> dict:
    """Read report/presets/<name>.toml and apply NAME=VALUE changes of chapter parameters. Raises PresetError."""
    path = REPORT / "presets" / f"{name}.toml"
    known = sorted(file.stem for file in path.parent.glob("*.toml"))
    if name not in known:
        raise PresetError(f"unknown preset {name!r}; known are {', '.join(known)}")
    try:
        preset = schema.read(path, schema.PresetFile)[0].model_dump()
        check_parameters(path.name, preset["chapters"])
        for change in changes:
            key, equals, value = change.partition("=")
            if not equals:
                raise ValueError(f"--set takes NAME=VALUE, got {change!r}")
            try:
                preset["chapters"][key] = json.loads(value)
            except ValueError:
                preset["chapters"][key] = value
            check_parameters("--set", {key: preset["chapters"][key]})
        for experiment in preset["experiments"]:
            experiments.load(experiment)
    except ValueError as error:
        raise PresetError(str(error)) from None
    return preset


def check_parameters(where: str, parameters: dict) -> None:
    """Raise ValueError for parameters that no chapter has, and for values that these do not take."""
    accepted = {key for chapter in chapters() for key in parameters_of(chapter)}
    for key, value in parameters.items():
        if key not in accepted:
            raise ValueError(f"unknown parameter {key!r}: no chapter has it; known are {', '.join(sorted(accepted))}")
        for chapter in chapters():
            if key in parameters_of(chapter):
                schema.same_kind(f"{where}: {key!r} of chapter {chapter.stem}", value, parameters_of(chapter)[key])
        if not isinstance(value, str) and not value >= 0:
            raise ValueError(f"{where}: {key!r} takes numbers from 0 on, got {value}")
        if key in NAMES:
            NAMES[key](value)


@functools.cache
def parameters_of(chapter: Path) -> dict[str, Any]:
    """What a notebook's parameters cell sets, {name: default}."""
    found = papermill.inspect_notebook(str(chapter))
    return {name: ast.literal_eval(parameter["default"]) for name, parameter in found.items()}


def run_notebook(source: Path, target: Path, parameters: dict) -> tuple[float | None, str]:
    """Execute one notebook with papermill; keep an earlier execution of the same source, code and parameters.

    Returns the seconds, and what stopped it: (None, error) where a cell failed, whose executed notebook is kept too.
    """
    made_of = [source.read_text(encoding="utf-8"), provenance.source(), parameters]
    key = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
    if target.exists():
        made = nbformat.read(target, 4).metadata.get("rstdp", {})
        if made.get("key") == key:
            return made["seconds"], ""
    started, partial = time.perf_counter(), target.with_suffix(".partial.ipynb")
    try:
        execute(source, partial, parameters)
        made = {"key": key, "seconds": round(time.perf_counter() - started, 1)}
    except NotebookError as error:
        if not partial.exists():
            partial.write_bytes(source.read_bytes())
        made = {"error": str(error).removeprefix(f"{source.name} ")}
    notebook = nbformat.read(partial, 4)
    notebook.metadata["rstdp"] = made
    nbformat.write(notebook, partial)
    partial.replace(target)
    return made.get("seconds"), made.get("error", "")


def execute(source: Path, target: Path, parameters: dict) -> None:
    """Run one notebook in a fresh kernel, in its own folder. Raises NotebookError."""
    try:
        papermill.execute_notebook(str(source), str(target), parameters, cwd=str(source.parent), progress_bar=False,
                                   kernel_name="python3", extra_arguments=["--IPKernelApp.log_level=50"])
    except papermill.PapermillExecutionError as error:
        raise NotebookError(f"{source.name} stopped in cell {error.exec_count}: {error.ename}: {error.evalue}"
                            ) from None
    except DeadKernelError:
        raise NotebookError(f"{source.name} stopped because its kernel was killed, perhaps because memory ran out "
                            "(fewer --jobs need less)") from None


def recompute(names: list[str], output: Path, jobs: int) -> Path:
    """Compute experiments anew in `output`; interrupted, it goes on from its own checkpoints."""
    results = output / "results"
    for name in names:
        chosen = experiments.load(name)
        if not data.at_hand(chosen.dataset):
            print(f"from scratch, {name}: left out, because {chosen.dataset} is not here", flush=True)
            continue
        print(f"from scratch, {name}: {len(chosen.runs())} runs", flush=True)
        experiments.run(chosen, results / name, output / "work" / name, jobs, again=True)
    for name, result in registry.results().items():
        if "events" in result.needs and not data.at_hand("nmnist-transfer"):
            print(f"from scratch, {name}: left out, because the recordings of N-MNIST are not here", flush=True)
            continue
        print(f"from scratch, {name}", flush=True)
        subprocess.run([sys.executable, "-m", "report", "run", name, "--root", str(output), "--jobs", str(jobs)],
                       check=True)
    return results


def run_chapters(preset: dict, output: Path, jobs: int) -> tuple[dict[str, float], dict[str, str]]:
    """Execute the chapters; returns the seconds that each took, and what stopped those that stopped."""
    data.load(preset["chapters"].get("dataset", "digits"))  # downloads it once, where it is missing
    tasks = [(chapter, output / chapter.name, {
        key: value for key, value in preset["chapters"].items() if key in parameters_of(chapter)})
        for chapter in chapters()]
    times, errors = {}, {}
    with contextlib.closing(parallel.spread(run_notebook, tasks, jobs, ordered=True)) as done:
        for chapter in (bar := tqdm(chapters(), desc="chapters", unit="chapter")):
            bar.set_postfix_str(chapter.stem)
            seconds, error = next(done)
            if seconds is None:
                errors[chapter.stem] = error
            else:
                times[chapter.stem] = round(seconds, 1)
    return times, errors


def chapters_for(preset_name: str) -> None:
    """Run the chapters of a preset that have not run yet: for the report notebook where papermill alone runs it."""
    preset, output = load_preset(preset_name, []), REPORT / "output" / preset_name
    with process.alone(output):
        packages_for_kernels()
        run_chapters(preset, output, -1)


def packages_for_kernels() -> None:
    """Processes that are begun from here, kernels too, find both packages from any folder."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def write_html(executed: Path, target: Path) -> None:
    """One self-contained page that reads offline and on a small screen: tables scroll in their own box."""
    exporter = HTMLExporter(template_name="classic", exclude_input=True, exclude_input_prompt=True,
                            exclude_output_prompt=True, embed_images=True, mathjax_url="", require_js_url="")
    html, _ = exporter.from_filename(str(executed))
    html = re.sub(r"<script\b.*?</script>", "", html, flags=re.S)  # the template loads some from the network
    html = re.sub(r'<meta name="viewport"[^>]*>', "", html).replace("</head>", HEAD + "</head>", 1)
    html = re.sub(r"<title>.*?</title>", "<title>Replication report</title>", html, count=1)
    html = re.sub(r"<html(?![^>]*lang)", '<html lang="en"', html, count=1)
    write_text(target, re.sub(r"<table.*?</table>", in_its_own_box, html, flags=re.S))


def in_its_own_box(table: re.Match) -> str:
    """A table that scrolls by itself; one of many columns says so where the screen is narrow."""
    wide = table[0].count("<th") > 3
    return ('<p class="hint">The table is wider than this screen: scroll it sideways.</p>' if wide else "") + (
        f'<div class="scroll" role="region" aria-label="table" tabindex="0">{table[0]}</div>')


def build(preset_name: str, changes: list[str], jobs: int) -> tuple[Path, dict[str, str]]:
    """Make the whole report; returns the path of the HTML file, and which chapters have stopped by what."""
    preset, output = load_preset(preset_name, changes), REPORT / "output" / preset_name
    with process.alone(output):
        return write(preset_name, preset, output, jobs)


def write(preset_name: str, preset: dict, output: Path, jobs: int) -> tuple[Path, dict[str, str]]:
    """`build` where no other process is in the folder."""
    started = time.perf_counter()
    recorded = [RESULTS]
    packages_for_kernels()
    if preset["recorded"] and os.environ.get("FROM_SCRATCH") == "1":
        recorded.insert(0, recompute(experiments.recorded_names(), output, jobs))
    for name in preset["experiments"]:
        chosen = experiments.load(name)
        print(f"training {name}: {len(chosen.runs())} runs", flush=True)
        experiments.run(chosen, output / "results" / name, REPORT / "work" / name, jobs)
    times, errors = run_chapters(preset, output, jobs)
    provenance.write_json(output / "chapters.json", provenance.describe(
        preset=preset_name, parameters=preset["chapters"], seconds=times, errors=errors))
    print("writing the report", flush=True)
    executed, target = output / "replication-report.ipynb", REPORT / f"replication-report-{preset_name}.html"
    machines = target.with_suffix(".claims.json")
    computed = output / ("results" if preset["experiments"] else "nothing")
    execute(REPORT / "replication-report.ipynb", executed,
            {"preset": preset_name, "results": str(computed), "recorded": [str(folder) for folder in recorded],
             "chapters": False, "spent": time.perf_counter() - started, "machines": str(machines)})
    write_html(executed, target)
    print(f"done in {time.perf_counter() - started:.0f} s\nexecuted notebooks: {output}\nfor machines: {machines}\n"
          f"report: {target}")
    return target, errors


def main(preset: str, changes: list[str], jobs: int) -> int:
    """`build`; a notebook that fails ends in one line and exit code 1, after the report where it is a chapter."""
    try:
        _, errors = build(preset, changes, jobs)
    except NotebookError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for chapter, error in errors.items():
        print(f"error: chapter {chapter} {error}; the report shows it", file=sys.stderr)
    return 1 if errors else 0
