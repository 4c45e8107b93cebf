"""What people bring as MNIST, as images, and as weights: each mistake ends in one error that says what to do."""

import gzip
import hashlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rstdp import data, load_pretrained
from rstdp.__main__ import main
from rstdp.data import DataError
from rstdp.events import nmnist
from rstdp.images import idx, sources

COUNTS = {"train": 60, "t10k": 30}


def content(split, labels=None, turn=False):
    """Images and labels of MNIST's form, few of them and random: {part: bytes}."""
    count, random = COUNTS[split], np.random.default_rng(len(split))
    images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = np.arange(count) ** 2 % 11 % 10 if labels is None else labels
    labels = np.concatenate([np.arange(10), labels[10:]]).astype(np.uint8)
    header = np.array([count, 28, 28], dtype=">u4").tobytes()
    stored = images.transpose(0, 2, 1) if turn else images
    return {f"{split}-images": b"\0\0\x08\x03" + header + stored.tobytes(),
            f"{split}-labels": b"\0\0\x08\x01" + header[:4] + labels.tobytes()}


WHOLE = content("train") | content("t10k")


@pytest.fixture(scope="module", autouse=True)
def few():
    """A small MNIST, known by its checksums."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(idx, "COUNTS", COUNTS)
        patch.setattr(idx, "CHECKSUMS", {part: hashlib.md5(each).hexdigest() for part, each in WHOLE.items()})
        yield


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """The folder MNIST/raw, whole, in a folder that RSTDP_DATA names; no MNIST at home."""
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    monkeypatch.setenv("RSTDP_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for part, each in WHOLE.items():
        (folder / idx.names(part)[0]).write_bytes(each)
    return folder


def put(raw, parts):
    for part, each in parts.items():
        (raw / idx.names(part)[0]).write_bytes(each)


@pytest.mark.parametrize("which", range(4))
def test_either_spelling_is_read_packed_or_not(raw, which):
    before = data.load("mnist")
    for part, each in WHOLE.items():
        (raw / idx.names(part)[0]).unlink()
        name = idx.names(part)[which]
        (raw / name).write_bytes(gzip.compress(each) if name.endswith(".gz") else each)
    assert data.load("mnist").checksum() == before.checksum() and data.at_hand("mnist")
    assert before.train_images.shape == (60, 28, 28) and before.train_labels.dtype == torch.int64


def test_a_file_unpacked_on_the_way_keeps_its_name_and_is_read(raw):
    part = "t10k-labels"
    (raw / idx.names(part)[0]).rename(raw / idx.names(part)[2])
    assert len(data.load("mnist").test_labels) == 30


def test_test_files_alone_suffice_to_evaluate(raw, capsys):
    for part in ("train-images", "train-labels"):
        (raw / idx.names(part)[0]).unlink()
    assert main(["evaluate", "--dataset", "mnist"]) == 0
    assert "of 30 test images" in capsys.readouterr().out
    assert not data.at_hand("mnist")
    with pytest.raises(DataError, match="train-images-idx3-ubyte is missing; beside it are t10k-images"):
        data.load("mnist")


@pytest.mark.parametrize("parts, message", [
    (content("t10k", np.full(30, 26)), "t10k-labels.* has the labels 8, 9, 26, .*EMNIST"),
    (content("t10k", np.arange(30) % 10), "has 3 of every label, as Fashion-MNIST"),
    ({"t10k-labels": WHOLE["t10k-labels"][:8] + b"\1" * 30}, "has the labels 1,"),
    (content("t10k", np.arange(30) % 7), "t10k-labels.* is not MNIST's by its checksum, t10k-images.* beside it is"),
    (content("t10k", turn=True), "t10k-images.*rows and columns exchanged, as EMNIST"),
    ({"t10k-images": WHOLE["t10k-images"][:-1] + b"x"}, "t10k-images.* is not MNIST's by its checksum"),
    ({"t10k-images": WHOLE["t10k-images"][:-1]}, "t10k-images.* has 23535 bytes, 23536 were expected: it is trunc"),
    ({"t10k-images": WHOLE["t10k-images"] + b"x"}, "has 23537 bytes, 23536"),
    ({"t10k-images": b""}, "has 0 bytes"),
    ({"t10k-images": WHOLE["t10k-labels"]}, "does not begin as an IDX file of images"),
    ({"t10k-labels": WHOLE["train-labels"]}, "holds 60, MNIST's has 30: it is of another data set"),
    ({"train-labels": WHOLE["t10k-labels"]}, "holds 30, MNIST's has 60: it is cut"),
    ({"t10k-labels": gzip.compress(WHOLE["t10k-labels"])[:-9]}, "t10k-labels.* cannot be read")])
def test_what_is_not_mnist_is_refused_by_name(raw, parts, message, capsys):
    put(raw, parts)
    with pytest.raises(DataError, match=message):
        data.load("mnist")
    assert main(["evaluate", "--dataset", "mnist"]) == 2 or "train" in next(iter(parts))
    assert capsys.readouterr().err.count("\n") <= 1


def test_an_unknown_set_of_the_same_form_is_taken_with_a_word(raw):
    put(raw, content("t10k", np.arange(30) % 7, turn=True) | {"t10k-images": WHOLE["t10k-images"][:-1] + b"x"})
    with pytest.warns(UserWarning, match="not its checksums"):
        assert len(data.load("mnist").test_labels) == 30


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(part=st.sampled_from(sorted(WHOLE)), cut=st.integers(0, 2000), packed=st.booleans(), last=st.booleans(),
       change=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4), more=st.binary(max_size=40))
@pytest.mark.filterwarnings("ignore:.*not its checksums")
def test_any_file_is_a_data_set_or_an_error_that_names_it(raw, part, cut, packed, last, change, more):
    """Truncated, prolonged, with other headers, counts and labels, packed or not."""
    put(raw, WHOLE)
    file = bytearray(WHOLE[part])
    for at, value in change:
        if at < len(file):
            file[at] = value
    file = bytes(file[:len(file) - cut] if last else file) + more
    if packed:
        file = gzip.compress(file, 1)
        file = file[:len(file) - cut % 50] if not last else file
    put(raw, {part: file})
    try:
        found = data.load("mnist")
    except DataError as error:
        assert part in str(error) and str(raw) in str(error) and "\n" not in str(error)
    else:
        assert len(found.train_images) == 60 and set(found.test_labels.tolist()) == set(range(10))


@pytest.mark.parametrize("where, message", [
    ("data/MNIST", "MNIST's files are in .*raw: set RSTDP_DATA to {0}/data;"),
    ("data/MNIST/raw", "set RSTDP_DATA to {0}/data;"),
    ("data/typo", "data/typo', and there is no such folder"),
    ("data/MNIST/raw/t10k-labels-idx1-ubyte", "there is no such folder"),
    ("empty", "RSTDP_DATA names {0}/empty, which has no folder MNIST/raw.*unset RSTDP_DATA.*'digits'"),
    ("loose", "MNIST's files are in {0}/loose: move them to {0}/loose/MNIST/raw")])
def test_rstdp_data_that_leads_nowhere_is_an_error_and_no_download(raw, tmp_path, monkeypatch, where, message, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "loose").mkdir()
    put(tmp_path / "loose", WHOLE)
    monkeypatch.setattr(sources, "import_torchvision", lambda: pytest.fail("a download"))
    monkeypatch.setenv("RSTDP_DATA", str(tmp_path / where))
    with pytest.raises(DataError, match=message.format(tmp_path)):
        data.load("mnist")
    assert not data.at_hand("mnist")
    assert main(["evaluate", "--dataset", "mnist"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and str(tmp_path / where) in error


def test_a_literal_tilde_is_named(monkeypatch):
    monkeypatch.setenv("RSTDP_DATA", "~/data")
    for name in ("mnist", "nmnist"):
        with pytest.raises(DataError, match="'~/data'.*no shell has replaced the ~"):
            data.load(name)
        assert not data.at_hand(name)


def test_without_a_home_there_is_one_line(raw, monkeypatch, capsys):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(sources.Path, "home", homeless)
    assert len(data.load("mnist").test_labels) == 30
    monkeypatch.delenv("RSTDP_DATA")
    assert main(["evaluate", "--dataset", "mnist"]) == 2
    error = capsys.readouterr().err
    assert "no home directory" in error and "RSTDP_DATA" in error and error.count("\n") == 1


def test_what_was_downloaded_before_serves_beside_recordings(raw, tmp_path, monkeypatch):
    (tmp_path / ".cache").mkdir()
    (tmp_path / "data").rename(tmp_path / ".cache" / "rstdp")
    (tmp_path / "data" / "NMNIST").mkdir(parents=True)
    assert len(data.load("mnist").test_labels) == 30


def test_files_that_are_no_recordings_are_left_out(tmp_path):
    folder = tmp_path / "NMNIST" / "Train" / "3"
    nmnist.write(folder / "00001.bin", [1], [2], [1], [5])
    for name in ("._00001.bin", ".DS_Store", "Thumbs.db", ".trash.bin"):
        (folder / name).write_bytes(b"Mac")
    (tmp_path / "NMNIST" / "Train" / ".hidden").mkdir()
    (tmp_path / "NMNIST" / "Train" / ".hidden" / "1.bin").write_bytes(b"Mac")
    assert nmnist.load("Train", tmp_path).labels.tolist() == [3]
    with pytest.raises(DataError, match=f"set RSTDP_DATA to {tmp_path}"):
        nmnist.files("Train", tmp_path / "NMNIST" / "Train")


@pytest.mark.parametrize("change, message", [
    (lambda x: x.float() / 255, "by 255"), (lambda x: x > 127, "by 255"), (lambda x: (x > 127).numpy(), "by 255"),
    (lambda x: (x > 127).to(torch.uint8), "by 255"), (lambda x: (x.float() / 255 - 0.13) / 0.31, "between -0.4"),
    (lambda x: x.float() * float("nan"), "between nan"), (lambda x: x[:, None], r"squeeze\(1\)"),
    (lambda x: x[:, None].float() / 255, r"squeeze\(1\)"), (lambda x: x[..., None], r"squeeze"),
    (lambda x: x[0], r"images\[None\]"), (lambda x: x[:, 4:24, 4:24], "28, 28.*20, 20.*load_image"),
    (lambda x: torch.nn.functional.pad(x, (2, 2, 2, 2)), "28, 28.*32, 32"),
    (lambda x: torch.nn.functional.pad(x, (20, 12, 40, 32)), "28, 28.*100, 60")])
def test_images_of_another_scale_or_shape_get_an_error_that_says_what_to_do(digits, change, message):
    with pytest.raises(ValueError, match=message):
        load_pretrained().classify(change(digits.test_images[:3]))


def test_images_in_other_types_and_spike_times_keep_working(digits):
    network, images = load_pretrained(), digits.test_images[:5]
    expected = network.classify(images).tolist()
    for same in (images.float(), images.long(), images.half(), images.numpy(), images.numpy().astype(np.uint16),
                 [each.numpy() for each in images], network.encode(images)):
        assert network.classify(same).tolist() == expected
    assert network.classify(images * 0).tolist() == [-1] * 5 and len(network.classify(images[:0])) == 0
    with pytest.raises(ValueError, match="15 bins"):
        network.classify(network.encode(images).long() - 1)


@pytest.mark.parametrize("arguments, trained_on, seen", [
    (["evaluate", "--dataset", "digits"], "nmnist", "digits holds grey images"),
    (["evaluate", "--dataset", "nmnist/first"], "nmnist", "nmnist/first holds spike times of the encoder 'first'"),
    (["evaluate", "--dataset", "nmnist"], "mnist", "nmnist holds spike times of the encoder 'saccades'"),
    (["classify", "any.png"], "nmnist-transfer", "spike times of the encoder 'saccades'")])
def test_weights_are_refused_on_data_of_another_kind(tmp_path, capsys, arguments, trained_on, seen):
    network = load_pretrained()
    network.trained_on = trained_on
    network.save(tmp_path / "weights.npz")
    assert main([*arguments, "--weights", str(tmp_path / "weights.npz")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"weights.npz was trained on {trained_on}" in error and seen in error


def test_weights_serve_data_of_the_same_kind(capsys):
    assert main(["evaluate", "--dataset", "digits", "--test", "20"]) == 0
    assert "digits:" in capsys.readouterr().out
