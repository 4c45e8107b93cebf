"""The command line of the report: python -m report list | run | build."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rstdp.show import process

from . import RESULTS
from .lab import experiments, registry, results, runner

EXAMPLES = """examples:
  python -m report list                            what can be run and how its result stands, one line each
  python -m report run mnist --jobs 2              an experiment: all its variants and seeds
  python -m report run mnist --seeds 0             one seed of it; the others stay as they are recorded
  python -m report run task2 --seeds 0             a study
  python -m report run ./my.toml                   an experiment of one's own; results in ./results/my
  python -m report run verify --set images=200 --out mine
                                                   with another setting; an unknown name lists all
  python -m report build --preset quick            run the chapters and write the report

An interrupted command goes on where it stopped when it is given again."""


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    top = argparse.ArgumentParser(prog="python -m report", epilog=EXAMPLES, description=(
        "Run what the replication report is made of, and write it."),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser("list", help="name all experiments and studies, one line each, and how their results stand",
                        description=(
        "The second column says how the result in report/results stands: recorded (whole, and what this code gives), "
        "incomplete (runs are missing), stale (by what, is said), damaged, or - where there is none. Data sets are not "
        "looked at: the report does that."))

    run = commands.add_parser("run", help="run an experiment or a study by its name", description=(
        "Experiments are files in report/experiments, variants times seeds; studies are modules in report/studies. "
        "Results go to report/results/NAME; what is recorded there is not made again. Results of a .toml file of one's "
        "own, elsewhere, go to results/NAME in the current folder, its checkpoints to work/NAME."))
    run.add_argument("name", help="a name that 'list' prints, or a .toml file of an experiment")
    run.add_argument("--out", "--results", type=Path, metavar="FOLDER", help="for the results (default: "
                     "report/results/NAME); a study with another --set or --dataset needs one of its own")
    run.add_argument("--root", type=Path, metavar="FOLDER", help="holds results/ and work/ instead of report/")
    run.add_argument("--jobs", type=int, default=-1, help="runs at a time, -1 for one a core (default: -1)")
    run.add_argument("--seeds", type=int, nargs="+", metavar="N", help="of first weights (default: all that are named "
                     "in the experiment, or the study's own)")
    run.add_argument("--again", action="store_true", help="repeat what is recorded already, from the start: "
                     "checkpoints of these runs are removed")
    study = run.add_argument_group("studies only")
    study.add_argument("--dataset", metavar="NAME", help="instead of the study's own")
    study.add_argument("--set", action="append", metavar="NAME=VALUE", dest="changes",
                       help="change a setting of the study; may be repeated; an unknown name lists all")
    experiment = run.add_argument_group("experiments only")
    experiment.add_argument("--variants", nargs="+", metavar="NAME", help="only these of the experiment's variants")
    experiment.add_argument("--work", type=Path, metavar="FOLDER", help="for the checkpoints (default: "
                            "report/work/NAME)")
    experiment.add_argument("--device", default="", metavar="DEVICE", help="S3 of all seeds of a variant learns in one "
                            "batch on this device, for example cuda")
    experiment.add_argument("--cluster", metavar="ADDRESS", help="spread the runs over the dask cluster with this "
                            "scheduler, for example tcp://10.0.0.1:8786; its machines share the folders --work and "
                            "--out and see the data")
    experiment.add_argument("--cache", type=Path, metavar="FOLDER", help="keep spike times in this folder instead of "
                            "in memory")

    build = commands.add_parser("build", help="run the chapters and write the report")
    build.add_argument("--preset", default="quick", help="a file in report/presets (default: quick)")
    build.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
                       help="change a parameter of the chapters; may be repeated")
    build.add_argument("--jobs", type=int, default=-1, help="processes at a time (default: one a core)")
    return top


def show_list(options: argparse.Namespace) -> int:
    """Print what `run` takes, and how the results stand."""
    def show(name: str, about: str) -> None:
        word, reasons = results.status(name, [RESULTS])
        why = f" [{word}: {'; '.join(reasons)}]" if reasons else ""
        print(f"  {name:18s} {word:10s} {about}{why}", flush=True)

    print("Experiments (report/experiments):")
    for name in experiments.names():
        one = experiments.load(name)
        show(name, f"{len(one.runs()):3d} runs, {one.dataset}: {one.description.partition(':')[0]}")
    print("Studies (report/studies):")
    for name, result in registry.all_results().items():
        show(name, result.about)
    return 0


def build(options: argparse.Namespace) -> int:
    from . import build as driver  # here, because it needs what only the report needs: papermill, nbconvert

    runner.check_jobs(options.jobs)
    return driver.main(options.preset, options.changes, options.jobs)


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Expected mistakes and signals end in one line on standard error; see `process.run`."""
    options = parser().parse_args(arguments)
    command = {"list": show_list, "run": lambda options: runner.run(options.name, options), "build": build}
    anew = " without --again" if getattr(options, "again", False) else ""
    return process.run(lambda: command[options.command](options),
                       f"the same command{anew} goes on where it stopped")


if __name__ == "__main__":
    sys.exit(main())
