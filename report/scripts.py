"""The scripts whose results no experiment makes, and the command that makes each."""

from __future__ import annotations

#: results that no experiment makes, and the scripts that do, as one calls them from the repository's root
SCRIPTS = {"verify": ["verify.py", "--dataset", "mnist"], "benchmark": ["benchmark.py", "--dataset", "mnist"],
           "readout": ["readout.py", "--dataset", "mnist"], "handmade": ["handmade.py"],
           "task2": ["task2.py", "--preset", "full", "--seeds", "0", "1", "2"],
           "task2-passes": ["task2.py", "--preset", "full", "--seeds", "0", "1", "2", "--set", "passes=15",
                            "--out", "report/results/task2-passes"],
           "nmnist-simulator": ["nmnist_validation.py"],
           "nmnist-decisions": ["nmnist_decisions.py", "--networks", "report/work/nmnist"],
           "nmnist-real": ["nmnist_real.py", "--lower", "report/results/nmnist/saccades-0.npz",
                           "--seeds", "0", "1", "2"],
           "task2-choices": ["task2_choices.py"]}


def command(name: str) -> str:
    """What makes the results of this name, as one types it in the repository's root."""
    script, *arguments = SCRIPTS[name]
    return " ".join(["python", f"report/{script}", *arguments])
