"""The command line: python -m rstdp train | evaluate | classify. Experiments: python -m report."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path

import torch

from ..config import CONFIGS, get_config, parameter_names
from ..data import DATASETS, DataError, load
from ..images.picture import SeveralDigits, load_image
from ..network import SILENT, Network, load_pretrained
from ..training import Trainer
from . import process

EXAMPLES = """examples:
  python -m rstdp train --out runs/first                       learn scikit-learn's digits, about half a minute
  python -m rstdp train --dataset mnist --train 5000 --out runs/mnist --set s3.epochs=20
  python -m rstdp evaluate --weights runs/first/weights.npz    accuracy on the test images
  python -m rstdp classify my-digit.png                        with the weights that come with the package
An interrupted 'train' goes on where it stopped when the same command is given again."""
# On so few images the lower layers need more passes than on MNIST's 60,000.
DIGITS_DEFAULTS = {"s1.epochs": 4, "s2.epochs": 15, "s3.epochs": 40, "batch": 100}


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    top = argparse.ArgumentParser(prog="python -m rstdp", epilog=EXAMPLES, description=(
        "Train and use a spiking network that learns digits from spikes and rewards (Mozafari et al. 2019)."),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="command")
    add = commands.add_parser("train", help="train a network, layer by layer", description=(
        "S1 and S2 learn by STDP, S3 by reward-modulated STDP. Writes checkpoint.npz, accuracy.csv and weights.npz to "
        "--out; given again, the same command resumes.")).add_argument
    add("--out", type=Path, required=True, help="folder for the results")
    add("--dataset", default="digits", help="an unknown name lists all, and their encoders; mnist is read from "
        "RSTDP_DATA or downloaded (default: digits)")
    add("--config", default="spyketorch", choices=list(CONFIGS), help="as in the paper or in SpykeTorch, the default")
    add("--seed", type=int, default=0, help="of the initial weights (default: 0)")
    for name, what in (("train", "training images"), ("test", "test images")):
        add(f"--{name}", type=int, default=0, metavar="N", help=f"{what}, 0 for all (default: 0)")
    add("--validation", type=int, default=0, metavar="N", help="training images held out (default: 0)")
    add("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes", help="change a parameter, for "
        "example s2.threshold=15 or s3.epochs=20; may be repeated; an unknown name lists all")
    add("--device", help="step through time with SpikingJelly there, for example cuda; by default the compiled twin "
        "runs on the CPU, with the same result and faster")
    add("--cache", type=Path, help="keep spike times in this folder instead of in memory")
    add("--tensorboard", action="store_true", help="also write scalars for TensorBoard to --out")
    evaluate = commands.add_parser("evaluate", help="accuracy of trained weights on test images")
    evaluate.add_argument("--dataset", help="default: what the weights were trained on")
    evaluate.add_argument("--test", type=int, default=0, metavar="N", help="test images, 0 for all (default: 0)")
    classify = commands.add_parser("classify", help="say which digit an image file shows", description=(
        "Reads a PNG or JPEG of one digit, centres it as MNIST does, and prints the decision with the strongest maps."))
    classify.add_argument("image", nargs="+", type=Path, help="image file")
    for command in (evaluate, classify):
        command.add_argument("--weights", default="mnist", help="weights.npz of a run, or a name that comes with the "
                             "package; an unknown one lists all (default: mnist)")
    return top


def parse_changes(changes: list[str]) -> dict[str, str]:
    """["s3.epochs=20"] -> {"s3.epochs": "20"}. Raises ValueError where there is no "="."""
    for change in changes:
        if "=" not in change:
            raise ValueError(f"--set takes NAME=VALUE, got {change!r}; names are {', '.join(parameter_names())}")
    return {name.strip(): value.strip() for name, _, value in (change.partition("=") for change in changes)}


def open_weights(name: str, dataset: str | None = None) -> tuple[Network, str]:
    """The network of a file or of a name, and the data set to show it: `dataset`, else what it was trained on.

    Raises ValueError where the two are not encoded alike, so that it would see what it has never learned."""
    network = Network.load(name) if name.endswith(".npz") else load_pretrained(name)
    shown, trained_on = dataset or network.trained_on or "digits", network.trained_on
    if trained_on and encoder_of(shown) != encoder_of(trained_on):
        seen = {each: f"spike times of the encoder {encoder_of(each)!r}" if encoder_of(each) else "grey images"
                for each in (trained_on, shown)}
        raise ValueError(f"{name} was trained on {trained_on}, {seen[trained_on]}; {shown} holds {seen[shown]}. Take "
                         "weights that were trained on these, or the data set that it was trained on")
    return network, shown


def encoder_of(dataset: str) -> str:
    """Which encoder a data set's name stands for; "" for grey images, and for a name that is not known here."""
    kind, _, encoder = dataset.partition("/")
    return encoder or (DATASETS[kind].encoder if kind in DATASETS else "")


class Watched(Trainer):
    """Writes what it reports for TensorBoard too."""

    def report(self, step: int, values: dict[str, float]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(Path(self.folder or ".") / "tensorboard")) as writer:
            for name, value in values.items():
                writer.add_scalar(name, value, step)


def check_device(name: str) -> None:
    """Raise ValueError where torch cannot compute on a device here."""
    try:
        torch.ones(1, device=name).sum().item()
    except (RuntimeError, AssertionError) as error:  # the second where torch was built without CUDA
        raise ValueError(f"--device {name}: not available here ({str(error).splitlines()[0]})") from None


def train(options: argparse.Namespace) -> None:
    defaults = DIGITS_DEFAULTS if options.dataset.partition("/")[0] == "digits" else {"s3.epochs": 20}
    config = get_config(options.config).replace({**defaults, **parse_changes(options.changes)})
    if options.seed < 0:
        raise ValueError(f"--seed takes a number from 0 on, got {options.seed}")
    if options.device:
        check_device(options.device)
    place = {"fast": False, "device": options.device} if options.device else {}
    data = load(options.dataset, options.train, options.test)
    with process.alone(options.out):
        trainer = (Watched if options.tensorboard else Trainer)(
            config, data, options.seed, options.out, options.validation, cache=options.cache, **place)
        if len(trainer.rows) > config.s3.epochs:
            print(f"{options.out} holds {len(trainer.rows)} passes over S3, more than the {config.s3.epochs} asked "
                  "for; they stay as they are. For fewer choose another --out")
        elif trainer.rows:
            print(f"resuming after epoch {trainer.rows[-1]['epoch']} of S3")
        trainer.run()
    if not trainer.rows:
        return print(f"S3 has learned nothing: s3.epochs is 0\nweights: {options.out / 'weights.npz'}")
    last = trainer.rows[-1]
    print(f"after {last['epoch']} epochs: {last['train_accuracy']:.1%} of the training and "
          f"{last['test_accuracy']:.1%} of the test images right\nweights: {options.out / 'weights.npz'}")


def evaluate(options: argparse.Namespace) -> None:
    network, name = open_weights(options.weights, options.dataset)
    data = load(name, 1, options.test)  # of the training images none is looked at; MNIST's may be missing
    decisions = network.classify(data.test_images)
    right, silent = decisions == data.test_labels, decisions == SILENT
    print(f"{data.name}: {right.double().mean():.2%} of {len(right)} test images right, {int(silent.sum())} silent")
    for digit in data.test_labels.unique().tolist():
        mine = data.test_labels == digit
        print(f"  digit {digit}: {right[mine].double().mean():.1%} of {int(mine.sum())}")


def classify(options: argparse.Namespace) -> int:
    """Exit code 2 where a picture could not be read; the others are."""
    network, _ = open_weights(options.weights, "digits")  # a picture is what they are, grey and 28 x 28
    code = 0
    for path in options.image:
        try:
            with warnings.catch_warnings(record=True) as notes:
                warnings.simplefilter("always", SeveralDigits)
                image = load_image(path)
        except DataError as error:
            print(f"error: {error}", file=sys.stderr)
            code = 2
            continue
        for note in notes:
            print(f"warning: {note.message}", file=sys.stderr)
        c2 = network.features(image[None])
        decision = int(network.decide(c2)[0][0])
        if decision == SILENT:
            print(f"{path}: silent: no neuron of the last layer received a spike")
            continue
        strongest = network.potentials(c2)[0].amax(dim=(1, 2)).topk(min(10, network.config.s3.maps)).indices
        votes = Counter(network.decision_map[strongest].tolist()).most_common(3)
        print(f"{path}: {decision}  (the ten strongest maps stand for "
              + ", ".join(f"{digit} ({count} maps)" for digit, count in votes) + ")")
    return code


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Expected mistakes and signals end in one line on standard error; see `process.run`."""
    options = parser().parse_args(arguments)
    command = {"train": train, "evaluate": evaluate, "classify": classify}[options.command]
    return process.run(lambda: command(options), "the same command goes on from the last checkpoint"
                       if options.command == "train" else "")

