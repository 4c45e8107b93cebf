"""The command line: python -m rstdp train | evaluate | classify | experiment."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from pathlib import Path

from . import datasets, event_datasets, experiments
from .config import CONFIGS, get_config, parameter_names
from .event_encoding import ENCODINGS
from .files import CheckpointError
from .network import SILENT, Network, load_pretrained
from .training import Trainer

EXAMPLES = """examples:
  python -m rstdp train --out runs/first                       learn scikit-learn's digits, about half a minute
  python -m rstdp train --dataset mnist --train 5000 --out runs/mnist --set s3.epochs=20
  python -m rstdp evaluate --weights runs/first/weights.npz    accuracy on the test images
  python -m rstdp classify my-digit.png                        with the weights that come with the package
  python -m rstdp experiment mnist --jobs 2                    all seeds of a named experiment

An interrupted 'train' or 'experiment' goes on where it stopped when the same command is given again."""

WEIGHTS = "weights.npz of a run, or a name such as paper/spyketorch-0, an unknown one lists all (default: mnist)"
CACHE = "keep spike times in this folder instead of in memory"

# On so few images the lower layers need more passes than on MNIST's 60,000.
DIGITS_DEFAULTS = {"s1.epochs": 4, "s2.epochs": 15, "s3.epochs": 40, "batch": 100}


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    top = argparse.ArgumentParser(prog="python -m rstdp", epilog=EXAMPLES, description=(
        "Train and use a spiking network that learns digits from spikes and rewards (Mozafari et al. 2019)."),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")

    train = commands.add_parser("train", help="train a network, layer by layer", description=(
        "S1 and S2 learn by STDP, without labels; S3 learns by reward-modulated STDP. Writes checkpoint.npz, "
        "accuracy.csv and weights.npz into --out; given again, the same command resumes."))
    train.add_argument("--out", type=Path, required=True, help="folder for the results")
    train.add_argument("--experiment", metavar="NAME", help="take data set, sizes and configuration from a named "
                       "experiment (see 'experiment'), to train one run of it")
    train.add_argument("--variant", metavar="NAME", help="which of the experiment's variants (default: its first)")
    train.add_argument("--dataset", default="digits", metavar="NAME", help="digits needs no download; mnist is read "
                       f"from RSTDP_DATA or downloaded; {', '.join(event_datasets.NAMES)}: events of a silicon retina, "
                       f"each also with an encoding as /{', /'.join(ENCODINGS)} (default: digits)")
    train.add_argument("--config", default="spyketorch", choices=list(CONFIGS),
                       help="as in the paper or as in the authors' SpykeTorch code (default: spyketorch)")
    train.add_argument("--seed", type=int, default=0, help="of the initial weights (default: 0)")
    train.add_argument("--train", type=int, default=0, metavar="N", help="training images, 0 for all (default: 0)")
    train.add_argument("--test", type=int, default=0, metavar="N", help="test images, 0 for all (default: 0)")
    train.add_argument("--validation", type=int, default=0, metavar="N",
                       help="of the training images, held out to choose between variants (default: 0)")
    train.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
                       help="change a parameter, for example s2.threshold=15 or s3.epochs=20; may be repeated; an "
                            "unknown name lists all")
    train.add_argument("--device", default="", metavar="DEVICE",
                       help="step through time with SpikingJelly on this device, for example cuda; without it the "
                            "compiled path runs on the CPU, with the same result and faster")
    train.add_argument("--cache", type=Path, metavar="FOLDER", help=CACHE)
    train.add_argument("--tensorboard", action="store_true", help="also write scalars for TensorBoard to --out")

    evaluate = commands.add_parser("evaluate", help="accuracy of trained weights on test images")
    evaluate.add_argument("--weights", help=WEIGHTS, default="mnist")
    evaluate.add_argument("--dataset", metavar="NAME", help="default: what the weights were trained on")
    evaluate.add_argument("--test", type=int, default=0, metavar="N", help="test images, 0 for all (default: 0)")

    classify = commands.add_parser("classify", help="say which digit an image file shows", description=(
        "Reads a PNG or JPEG of one digit, dark on light or light on dark, centres it as MNIST does, and prints the "
        "decision with the strongest feature maps of the last layer."))
    classify.add_argument("image", nargs="+", type=Path, help="image file")
    classify.add_argument("--weights", help=WEIGHTS, default="mnist")

    experiment = commands.add_parser("experiment", help="run a named experiment: variants times seeds", description=(
        "Experiments are files in report/experiments; results go to report/results. Known: "
        + (", ".join(experiments.names()) or "none here")))
    experiment.add_argument("name", help="name of an experiment, or a .toml file")
    experiment.add_argument("--again", action="store_true", help="repeat runs whose results are recorded already")
    experiment.add_argument("--jobs", type=int, default=-1, help="runs at a time, -1 for one a core (default: -1)")
    experiment.add_argument("--cluster", metavar="ADDRESS", help="spread the runs over the dask cluster with this "
                            "scheduler, for example tcp://10.0.0.1:8786; its machines share the folders --work and "
                            "--results and see the data")
    experiment.add_argument("--device", default="", metavar="DEVICE", help="S3 of all seeds of a variant learns in one "
                            "batch on this device, for example cuda")
    experiment.add_argument("--cache", type=Path, metavar="FOLDER", help=CACHE)
    experiment.add_argument("--results", type=Path, help="folder for the results (default: report/results/<name>)")
    experiment.add_argument("--work", type=Path, help="folder for the checkpoints (default: report/work/<name>)")
    return top


def parse_changes(changes: list[str]) -> dict[str, str]:
    """["s3.epochs=20"] -> {"s3.epochs": "20"}. Raises ValueError where there is no "="."""
    pairs = [change.partition("=") for change in changes]
    for name, equals, _ in pairs:
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, got {name!r}; names are {', '.join(parameter_names())}")
    return {name.strip(): value.strip() for name, _, value in pairs}


def open_weights(name: str) -> Network:
    return Network.load(name) if name.endswith(".npz") else load_pretrained(name)


def train(options: argparse.Namespace) -> None:
    validation, variant = options.validation, None
    if options.experiment:
        chosen = experiments.load(options.experiment)
        variant = options.variant or next(iter(chosen.variants))
        if variant not in chosen.variants:
            raise ValueError(f"experiment {chosen.name!r} has no variant {variant!r}; it has "
                             + ", ".join(chosen.variants))
        config, validation = chosen.variants[variant], chosen.validation
        data = datasets.load(chosen.dataset, train=chosen.train, test=chosen.test)
    else:
        defaults = DIGITS_DEFAULTS if options.dataset == "digits" else {"s3.epochs": 20}
        config = get_config(options.config).replace(defaults)
        data = datasets.load(options.dataset, train=options.train, test=options.test)
    config = config.replace(parse_changes(options.changes))
    trainer = Trainer(config, data, options.seed, options.out, validation, variant, options.tensorboard,
                      path="reference" if options.device else "fast", device=options.device or "cpu",
                      cache=options.cache)
    if trainer.rows:
        print(f"resuming after epoch {trainer.rows[-1]['epoch']} of S3")
    trainer.run()
    last = trainer.rows[-1]
    print(f"after {last['epoch']} epochs: {last['train_accuracy']:.1%} of the training and "
          f"{last['test_accuracy']:.1%} of the test images right\nweights: {options.out / 'weights.npz'}")


def evaluate(options: argparse.Namespace) -> None:
    network = open_weights(options.weights)
    data = datasets.load(options.dataset or network.trained_on or "digits", train=1, test=options.test)
    decisions = network.classify(data.test_images)
    right, silent = decisions == data.test_labels, decisions == SILENT
    print(f"{data.name}: {right.double().mean():.2%} of {len(right)} test images right, {int(silent.sum())} silent")
    for digit in data.test_labels.unique().tolist():
        mine = data.test_labels == digit
        print(f"  digit {digit}: {right[mine].double().mean():.1%} of {int(mine.sum())}")


def classify(options: argparse.Namespace) -> None:
    network = open_weights(options.weights)
    for path in options.image:
        image = datasets.load_image(path)[None]
        c2 = network.features(image)
        decision = int(network.decide(c2)[0][0])
        strongest = network.potentials(c2)[0].amax(dim=(1, 2)).topk(min(10, network.config.s3.maps)).indices
        votes = Counter(network.decision_map[strongest].tolist()).most_common(3)
        shown = "silent: no neuron of the last layer received a spike" if decision == SILENT else decision
        print(f"{path}: {shown}  (the ten strongest maps stand for "
              + ", ".join(f"{digit} ({count} maps)" for digit, count in votes) + ")")


def experiment(options: argparse.Namespace) -> None:
    chosen = experiments.load(options.name)
    print(f"{chosen.name}: {len(chosen.runs())} runs. {chosen.description}")
    if not options.again:
        print("Runs that are recorded in the results folder are not repeated; --again repeats them.")
    with contextlib.ExitStack() as stack:
        if options.cluster:
            import joblib
            from distributed import Client

            stack.enter_context(Client(options.cluster))
            stack.enter_context(joblib.parallel_config(backend="dask"))
        results = experiments.run(chosen, options.results, options.work, options.jobs, again=options.again,
                                  device=options.device, cache=options.cache)
    print(f"results: {results}")


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Expected mistakes end in one line on standard error and exit code 2."""
    options = parser().parse_args(arguments)
    try:
        {"train": train, "evaluate": evaluate, "classify": classify, "experiment": experiment}[options.command](options)
    except (ValueError, CheckpointError, datasets.DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
