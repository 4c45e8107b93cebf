"""Where each result comes from, whether it is whole and current, and how to make everything again."""

from __future__ import annotations

import json
import time

from ..lab import provenance, registry
from ..lab.page import Page
from ..lab.registry import command
from ..lab.results import Result, locate, stale


def absent(page: Page, name: str, result: Result) -> list[str]:
    """Runs that a recorded experiment lacks; what a preset has just made is whole."""
    return result.absent() if name in page.kept else []


def problems(page: Page) -> None:
    """What is missing, incomplete or stale, before one reads on."""
    found = list(page.problems)
    for name, result in page.experiments.items():
        for reason, runs in result.stale().items():
            found.append(f"**Stale:** experiment `{name}`, {len(runs)} of {len(result.facts['runs'])} runs: {reason}. "
                         f"Make it again with `{command(name)} --again`.")
        if lacking := absent(page, name, result):
            found.append(f"**Incomplete:** experiment `{name}` lacks {len(lacking)} runs: {'; '.join(lacking[:4])}"
                         f"{' and others' if len(lacking) > 4 else ''}. Make them with `{command(name)}`.")
    if found:
        page.say("Before reading on, what is missing, incomplete or stale:\n\n"
                 + "\n".join(f"- {text}" for text in found))


def state(page: Page, name: str, result: Result) -> str:
    told = [f"**Stale:** {reason} ({len(runs)} runs)" for reason, runs in result.stale().items()]
    if lacking := absent(page, name, result):
        told.append(f"**incomplete:** {len(lacking)} runs lack passes")
    return "; ".join(told) or "current"


def experiments(page: Page) -> None:
    """Every experiment: seeds, commits, fingerprints, machines, hours."""
    rows = []
    for name, result in page.experiments.items():
        facts, runs = result.facts, result.facts["runs"]
        sessions = [session for run in runs for session in run["sessions"]]
        seen = [sorted(set(values)) for values in (
            (run["seed"] for run in runs), (session["commit"] for session in sessions),
            (session["behaviour"] for session in sessions))]
        machines = {f"{session['machine']['processor']}, {session['machine']['cores']} cores" for session in sessions}
        rows.append((f"`{name}`", len(runs), *(", ".join(map(str, values)) for values in seen),
                     f"{facts['dataset']} {facts['data_md5'][:8]}", "; ".join(sorted(machines)),
                     f"{sum(run['seconds'] for run in runs) / 3600:.2f}", state(page, name, result)))
    page.table(rows, ["experiment", "runs", "seeds", "commit", "behaviour", "data md5", "machine", "hours", "state"])


def studies(page: Page) -> None:
    """Every result that no experiment made."""
    names = [name for name in registry.results() if name not in page.kept]
    paths = {name: locate(f"{name}/provenance.json", page.recorded) for name in names}
    found = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path}
    page.say("Results of studies:")
    page.table([(f"`{name}`", f"`{command(name)}`", facts["commit"], facts["behaviour"],
                 facts["machine"]["processor"], facts["written"][:16].replace("T", " "),
                 stale(name, facts) or "current")
                for name, facts in found.items()],
               ["result", "command", "commit", "behaviour", "machine", "written (UTC)", "state"])
    if lacking := [name for name in registry.results() if name not in found]:
        page.say(f"Not there yet: {', '.join(f'`{name}`' for name in lacking)}.")


def versions(page: Page) -> None:
    found = {", ".join(f"{key} {number}" for key, number in result.facts["versions"].items())
             for result in page.experiments.values()}
    page.say("Versions: " + "; or ".join(sorted(found)) + ". The behaviour is a fingerprint of what the code computes "
             "in a tiny run; a result is stale where it differs from that of the present code, "
             f"{provenance.behaviour()}, or where the fingerprint of a study that it rests on does. The weights kept "
             "with a result carry its whole configuration.")


def commands(page: Page) -> None:
    """How long this page took, and the two commands."""
    minutes = (page.spent + time.perf_counter() - page.started) / 60
    page.say(
        "### The two commands\n\n- `make report PRESET=full` writes this page from recorded results. This page, made "
        f"from preset `{page.preset}`, took {minutes:.1f} minutes, its chapters included.\n- `make report PRESET=full "
        "FROM_SCRATCH=1` computes every experiment and study anew.")
    here = provenance.describe()
    page.say(f"Made at {here['written']}, commit {here['commit']}, with Python {here['versions']['python']} on "
             f"{here['machine']['processor']}.")


PARTS = (experiments, studies, versions, commands)
