"""The command line as a student uses it."""

import subprocess
import sys

import pytest
from PIL import Image, ImageDraw

from rstdp import data
from rstdp.__main__ import main
from rstdp.show import commands

TINY = ["--train", "60", "--test", "20", "--set", "s1.maps=4", "--set", "s2.maps=6", "--set", "s3.maps=10",
        "--set", "s1.epochs=1", "--set", "s2.epochs=1"]


def test_help_names_every_command_and_shows_examples():
    text = subprocess.run([sys.executable, "-m", "rstdp", "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("train", "evaluate", "classify", "examples:", "goes on where it stopped"):
        assert word in text


def test_importing_changes_nothing_and_downloads_nothing():
    code = ("import torch, numpy, random; a = torch.get_rng_state(); b = numpy.random.get_state()[1].copy(); "
            "c = random.getstate(); import socket; socket.socket = None; "
            "import rstdp, rstdp.training, rstdp.events.data, rstdp.fast.batched, rstdp.show.figures; "
            "assert torch.equal(a, torch.get_rng_state()) and (b == numpy.random.get_state()[1]).all() "
            "and c == random.getstate() and torch.get_default_dtype() == torch.float32")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_train_resume_evaluate(tmp_path, capsys):
    out = ["train", "--out", str(tmp_path / "run"), *TINY]
    assert main([*out, "--set", "s3.epochs=1"]) == 0
    assert main([*out, "--set", "s3.epochs=2", "--tensorboard"]) == 0
    assert list((tmp_path / "run" / "tensorboard").glob("events*"))
    assert "resuming after epoch 1" in capsys.readouterr().out
    assert main([*out, "--set", "s3.epochs=1"]) == 0
    assert "run holds 2 passes over S3, more than the 1 asked for; they stay as they are" in capsys.readouterr().out
    assert main(["evaluate", "--weights", str(tmp_path / "run" / "weights.npz"), "--test", "20"]) == 0
    assert "of 20 test images right" in capsys.readouterr().out


def test_classify_prints_the_digit(tmp_path, capsys):
    drawn = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(drawn).ellipse((60, 40, 140, 160), outline=0, width=12)
    drawn.save(tmp_path / "zero.png")
    assert main(["classify", str(tmp_path / "zero.png")]) == 0
    assert "zero.png: 0" in capsys.readouterr().out


@pytest.mark.parametrize("arguments, message", [
    (["train", "--out", "x", "--set", "s1.mapz=3"], "unknown parameter 's1.mapz'"),
    (["train", "--out", "x", "--set", "s1.maps"], "NAME=VALUE"),
    (["train", "--out", "x", "--train", "5000"], "5000 were asked for"),
    (["train", "--out", "x", "--seed", "-1"], "--seed takes a number from 0 on, got -1"),
    (["train", "--out", "x", "--device", "nonsense"], "--device nonsense: not available here"),
    (["evaluate", "--weights", "nothing.npz"], "nothing.npz does not exist"),
    (["evaluate", "--weights", "nothing"], "no trained weights named 'nothing'"),
    (["classify", "nothing.png"], "nothing.png does not exist")])
def test_mistakes_end_in_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_encoder_of_ones_own_leaves_the_digits_their_settings(tmp_path, monkeypatch):
    found = []
    monkeypatch.setitem(data.ENCODERS, "mine", (lambda images: images[:, None], "images"))
    monkeypatch.setattr(commands, "Trainer", lambda config, *arguments, **options: found.append(config) or 1 / 0)
    for name in ("digits", "digits/mine"):
        with pytest.raises(ZeroDivisionError):
            main(["train", "--out", str(tmp_path / "run"), "--dataset", name])
    assert found[0] == found[1] and found[0].batch == commands.DIGITS_DEFAULTS["batch"]
