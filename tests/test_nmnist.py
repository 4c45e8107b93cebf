"""N-MNIST: files of events, the saccade simulator, encodings, and the network on spikes that come from neither."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from rstdp import Dataset, Network, Trainer, data, load
from rstdp.data import ENCODERS, DataError
from rstdp.events import data as event_data
from rstdp.events import encodings, nmnist, simulator
from rstdp.events.nmnist import Recordings

#: of the real recordings, decoded by other means than the loader's (as 40-bit integers, and from the sizes of files)
KNOWN = {"mean": 4133.231, "events": 4681,
         "first, second, last": [(18, 16, 1, 893), (20, 17, 1, 1060), (10, 10, 0, 305924)]}
SMALL = {"s1.maps": 4, "s2.maps": 6, "s3.maps": 10, "s1.threshold": 2, "s2.threshold": 1, "s1.epochs": 1,
         "s2.epochs": 1, "s3.epochs": 2}


@pytest.fixture(scope="module")
def real():
    """The first 1,000 real training recordings, in the folder that RSTDP_DATA names."""
    if not (Path(os.environ.get("RSTDP_DATA", "/nowhere")) / "NMNIST" / "Train").is_dir():
        pytest.skip("N-MNIST: RSTDP_DATA does not point to a folder with NMNIST/Train")
    return nmnist.load("Train", count=1000)


@pytest.fixture(scope="module")
def looked(digits):
    """Simulated recordings of thirty of scikit-learn's digits."""
    return simulator.simulate(digits.train_images[:30].numpy(), digits.train_labels[:30].numpy())


def recording(*events, label=3, number=1):
    """Events (x, y, polarity, t) as one recording."""
    return Recordings.of([tuple(np.array(events).T)], [label], [number])


def file_of(tmp_path, *rows):
    path = tmp_path / "NMNIST" / "Train" / "3" / "00001.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(byte for row in rows for byte in row))
    return path


# --- files ---


def test_an_event_is_forty_bits(tmp_path):
    """Written out by hand: column 33, row 2, on, 0x123456 us; then column 0, row 33, off, 0x7FFFFF us."""
    path = file_of(tmp_path, (33, 2, 0x80 | 0x12, 0x34, 0x56), (0, 33, 0x7F, 0xFF, 0xFF))
    x, y, polarity, t = nmnist.read(path)
    assert x.tolist() == [33, 0] and y.tolist() == [2, 33] and polarity.tolist() == [1, 0]
    assert t.tolist() == [0x123456, 0x7FFFFF]


def test_written_events_are_read_back(tmp_path, looked):
    for index in (0, 7):
        nmnist.write(tmp_path / "one.bin", *looked.events(index))
        for mine, read in zip(looked.events(index), nmnist.read(tmp_path / "one.bin")):
            assert (mine == read).all() and len(mine) > 100
    with pytest.raises(ValueError, match="t must lie in 0..8388607"):
        nmnist.write(tmp_path / "late.bin", [1], [1], [1], [1 << 23])


@pytest.mark.parametrize("rows, message", [
    ([(1, 2, 0, 0, 5), (1, 2)], "has 7 bytes.*truncated"),
    ([], "has 0 bytes.*empty"),
    ([(1, 2, 0, 0, 5), (34, 2, 0, 0, 6)], "event 1 lies at column 34, row 2, outside of the 34 x 34 sensor"),
    ([(1, 200, 0, 0, 5)], "event 0 lies at column 1, row 200"),
    ([(1, 2, 0, 0, 5), (1, 2, 0, 0, 4)], "event 1 is earlier")])
def test_a_damaged_file_is_named(tmp_path, rows, message):
    path = file_of(tmp_path, *rows)
    with pytest.raises(DataError, match=re.escape(str(path)) + ".*" + message):
        nmnist.load("Train", tmp_path)


def test_missing_recordings_are_told_where_to_come_from(tmp_path, monkeypatch):
    monkeypatch.delenv("RSTDP_DATA", raising=False)
    with pytest.raises(DataError, match="RSTDP_DATA.*garrickorchard.com"):
        load("nmnist")
    with pytest.raises(DataError, match="NMNIST is missing.*Train.zip"):
        nmnist.files("Train", tmp_path)
    (tmp_path / "NMNIST" / "Train" / "3").mkdir(parents=True)
    with pytest.raises(DataError, match="holds no recordings"):
        nmnist.files("Train", tmp_path)
    with pytest.raises(DataError, match="nothing.bin cannot be read"):
        nmnist.read(tmp_path / "nothing.bin")


def test_misplaced_files_are_found(tmp_path):
    path = file_of(tmp_path, (1, 2, 0, 0, 5))
    twin = tmp_path / "NMNIST" / "Train" / "4" / "1.bin"
    twin.parent.mkdir()
    twin.write_bytes(path.read_bytes())
    with pytest.raises(DataError, match="same number"):
        nmnist.files("Train", tmp_path)
    twin.rename(twin.with_name("60001.bin"))
    with pytest.raises(DataError, match="60001.bin is no N-MNIST recording"):
        nmnist.files("Train", tmp_path)


def test_check_compares_labels_with_mnist(tmp_path):
    file_of(tmp_path, (1, 2, 0, 0, 5), (1, 2, 0, 0, 9))
    test = tmp_path / "NMNIST" / "Test" / "7" / "00002.bin"
    test.parent.mkdir(parents=True)
    test.write_bytes(bytes((1, 2, 0, 0, 5)))
    labels = {"Train": torch.tensor([3]), "Test": torch.tensor([0, 7])}
    found = nmnist.check(tmp_path, labels)
    assert found["Train"] == {"recordings": 1, "complete": False, "events": 2, "fewest": 2, "most": 2}
    with pytest.raises(DataError, match="00002.bin has the label 7, MNIST's image 1 is a 8"):
        nmnist.check(tmp_path, labels | {"Test": torch.tensor([0, 8])})


def test_real_recordings_are_decoded_as_by_other_means(real, mnist):
    """Event counts of all, and the events of the first as they were decoded before by other means."""
    assert len(real) == 1000 and (real.numbers == np.arange(1, 1001)).all()
    assert (real.labels == mnist.train_labels[:1000].numpy()).all()
    assert real.counts.mean() == KNOWN["mean"] and (real.counts.min(), real.counts.max()) == (1112, 7152)
    x, y, polarity, t = real.events(0)
    assert len(x) == KNOWN["events"]
    assert [tuple(int(column[i]) for column in (x, y, polarity, t)) for i in (0, 1, -1)] == KNOWN["first, second, last"]


# --- simulator ---


def test_the_simulator_repeats_itself_and_depends_on_seed_and_number(digits, looked):
    again = simulator.simulate(digits.train_images[10:12].numpy(), first=10)
    for mine, theirs in zip(again.events(1), looked.events(11)):
        assert (mine == theirs).all()
    other = simulator.simulate(digits.train_images[10:12].numpy(), first=10, seed=1)
    assert other.counts.tolist() != again.counts.tolist()
    assert looked.numbers.tolist() == list(range(1, 31))


def test_simulated_events_are_events(looked):
    assert max(looked.x.max(), looked.y.max()) < nmnist.SIZE and set(looked.polarity) == {0, 1}
    assert 0 <= looked.t.min() and looked.t.max() < nmnist.SACCADES * nmnist.SACCADE
    for index in range(len(looked)):
        assert (np.diff(looked.events(index)[3]) >= 0).all()


def test_a_bright_screen_sends_only_noise():
    sensor = simulator.Sensor(noise=0.0)
    black = np.zeros((3, 28, 28), dtype=np.uint8)
    assert simulator.simulate(black, sensor=sensor).counts.tolist() == [0, 0, 0]
    noisy = simulator.simulate(black, sensor=simulator.Sensor(noise=2.0))
    expected = 2.0 * nmnist.SIZE**2 * 0.315  # a Poisson count each, so their mean has this deviation
    assert abs(noisy.counts.mean() - expected) < 4 * np.sqrt(expected / 3) and (noisy.polarity == 1).all()


def test_the_front_of_a_moving_dark_bar_is_off_and_its_back_is_on():
    """The third saccade moves the image to the left: the left edge of the ink darkens what it covers."""
    bar = np.zeros((1, 28, 28), dtype=np.uint8)
    bar[0, 6:22, 12:16] = 255
    found = simulator.simulate(bar, sensor=simulator.Sensor(noise=0.0))
    counts = encodings.event_counts(found, by_saccade=True)[0]
    columns = (counts.sum(1) * torch.arange(28)).sum(1) / counts.sum((1, 2))
    on, off = columns[4], columns[5]
    assert off < 13 and on > 14 and (counts[4:].sum((1, 2)) > 100).all()


def test_the_simulator_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="28, 28"):
        simulator.simulate(np.zeros((1, 20, 20), dtype=np.uint8))
    with pytest.raises(ValueError, match="corner"):
        simulator.simulate(np.zeros((1, 28, 28), dtype=np.uint8),
                           sensor=simulator.Sensor(path=((9.0, 0.0), (9.0, 1.0))))
    with pytest.raises(ValueError, match="thresholds are too low"):
        simulator.simulate(np.eye(28, dtype=np.uint8)[None] * 255,
                          sensor=simulator.Sensor(theta_on=0.001, theta_off=0.001, pause=0.01))


def test_simulated_counts_are_near_the_real_ones(real, mnist):
    """On recordings that the fit did not see; the figures for all of them are in report/results/nmnist-simulator."""
    part = list(real.split(100))[-1]
    twin = simulator.simulate(mnist.train_images[900:1000].numpy(), first=900)
    maps = [encodings.event_counts(one, stabilise=False, by_saccade=True).flatten(1).numpy()
            for one in (part, twin)]
    shuffled = np.roll(maps[1], 1, axis=0)
    near = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(*maps)])
    far = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(maps[0], shuffled)])
    assert near > 0.88 and far < 0.5
    assert abs(twin.counts.mean() / part.counts.mean() - 1) < 0.05


# --- encodings ---


def test_first_events_by_hand():
    """Fifteen slices of 21 ms; what comes later at the same place does not count."""
    found = encodings.first_events(recording((5, 6, 1, 20_999), (5, 6, 1, 60_000), (5, 6, 0, 21_000),
                                                  (0, 33, 0, 314_999)))
    assert found.shape == (1, 2, 34, 34) and found.dtype == torch.uint8
    assert found[0, 0, 6, 5] == 0 and found[0, 1, 6, 5] == 1 and found[0, 1, 33, 0] == 14
    assert int((found < 15).sum()) == 3  # everything else is silent


def test_counts_by_hand():
    events = [(5, 6, 1, 50), (5, 6, 1, 60), (5, 6, 0, 110_000), (33, 0, 1, 300_000)]
    counts = encodings.event_counts(recording(*events), stabilise=False)
    assert counts[0, 0, 6, 5] == 2 and counts[0, 1, 6, 5] == 1 and counts[0, 0, 0, 33] == 1 and counts.sum() == 4
    split = encodings.event_counts(recording(*events), stabilise=False, by_saccade=True)
    assert split[0, :, 6, 5].tolist() == [2, 0, 0, 1, 0, 0] and split[0, 4, 0, 33] == 1 and split.sum() == 4


def test_stabilisation_follows_the_drift():
    """A point that moves with the image stays on one pixel; what leaves the image's frame is dropped."""
    drift = encodings.drift()
    times = np.arange(0, 315, 5)
    x, y = (np.rint(14 + drift[times, axis]) for axis in (0, 1))
    counts = encodings.event_counts(Recordings.of([(x, y, np.ones(len(x)), 1000 * times)], [0], [1]))
    assert counts.shape == (1, 2, 28, 28)
    assert counts[0, 0, 13:16, 13:16].sum() == len(times) and counts[0, 0, 14, 14] > len(times) / 2
    outside = recording((0, 0, 1, 80_000), (33, 33, 1, 314_000))
    assert encodings.event_counts(outside).sum() == 0


@pytest.mark.parametrize("name", [name for name, (_, reads) in ENCODERS.items() if reads == "recordings"])
def test_every_encoding_gives_spike_times(name, looked):
    times = ENCODERS[name][0](looked)
    assert times.dtype == torch.uint8 and times.ndim == 4 and len(times) == len(looked) and times.max() == 15
    assert 0.02 < (times < 15).float().mean() < 0.7
    parts = torch.cat([ENCODERS[name][0](part) for part in looked.split(7)])
    assert torch.equal(parts, times)
    silent = Recordings.of([tuple(np.empty(0, dtype=int) for _ in range(4))], [0], [1])
    assert (ENCODERS[name][0](silent) == 15).all()


# --- data sets and the network ---


@pytest.fixture()
def registries(monkeypatch):
    """What a test registers is forgotten behind it."""
    monkeypatch.setattr(data, "DATASETS", dict(data.DATASETS))
    monkeypatch.setattr(data, "ENCODERS", dict(data.ENCODERS))


def test_a_name_tells_data_and_encoder(registries):
    assert data.DATASETS["nmnist"].encoder == "saccades"
    for name in ("nmnist/none", "digits/first", "nmnist/mine"):  # unknown, or of something else
        with pytest.raises(ValueError, match=f"data set '{name}'; known are digits, mnist, mnist-small, nmnist"):
            load(name)


def test_an_encoder_and_a_data_set_of_ones_own_are_used_by_name(registries, small):
    @data.encoder("halves")
    def halves(images):
        return torch.where(images > 127, 3, 15).to(torch.uint8)[:, None].repeat(1, 2, 1, 1)

    @data.register("few")
    def few(train, test):
        return load("digits").subset(train or 30, test or 10)

    encoded = load("few/halves", 20)
    assert encoded.name == "few/halves" and encoded.bins == 15 and encoded.channels == 2
    assert encoded.train_images.shape == (20, 2, 28, 28) and torch.equal(encoded.train_images[:, 0] == 3,
                                                                         load("few", 20).train_images > 127)
    network = Trainer(small.replace({"s1.threshold": 5, "s2.threshold": 1}), encoded, quiet=True).run()
    assert network.weights["s1"].shape[1] == 2 and len(network.classify(encoded.test_images)) == 10
    assert data.at_hand("few/halves")
    data.encoder("floats")(lambda images: halves(images).float())
    with pytest.raises(ValueError, match=r"few/floats: .* both uint8; got \(30, 2, 28, 28\) torch.float32"):
        load("few/floats")


def test_a_network_learns_spike_times_and_says_what_does_not_fit(looked, small, tmp_path):
    times, labels = encodings.first_events(looked), torch.from_numpy(looked.labels)
    events = Dataset("events", times, labels, times, labels, bins=15)
    network = Trainer(small.replace(SMALL), events, folder=tmp_path, quiet=True).run()
    assert network.weights["s1"].shape[1] == events.channels == 2
    assert torch.equal(network.encode(times), times) and len(network.classify(times)) == len(times)
    assert torch.equal(Network.load(tmp_path / "weights.npz").classify(times), network.classify(times))
    assert events.subset(10, 5).split(3)[0].bins == 15
    with pytest.raises(ValueError, match="15 bins, the configuration has 30"):
        Trainer(small.replace({"bins": 30}), events)
    with pytest.raises(ValueError, match="the network sees 2 channels"):
        network.encode(times[:, :1])
    with pytest.raises(ValueError, match="times up to 16"):
        network.encode(times + 1)


def test_recordings_in_a_folder_become_a_data_set(looked, tmp_path, monkeypatch):
    """What was simulated, written, and read again as "nmnist" is what the encoding makes of it."""
    monkeypatch.setenv("RSTDP_DATA", str(tmp_path))
    for part in ("Train", "Test"):
        for i in range(12):
            nmnist.write(tmp_path / "NMNIST" / part / str(looked.labels[i]) / f"{i + 1:05d}.bin", *looked.events(i))
    event_data.transfer.cache_clear()
    event_data.from_mnist.cache_clear()
    events = load("nmnist/first", train=10)
    assert torch.equal(events.train_images, encodings.first_events(looked)[:10]) and events.bins == 15
    assert events.train_labels.tolist() == looked.labels[:10].tolist() and len(events.test_labels) == 12
    with pytest.raises(ValueError, match="12 train images, 13 were asked for"):
        load("nmnist/first", train=13)


def test_simulated_and_real_images_are_kept_apart(digits, tmp_path, monkeypatch, looked):
    """On scikit-learn's digits in MNIST's place: which images are learned from, and which recordings test."""
    monkeypatch.setenv("RSTDP_DATA", str(tmp_path))
    monkeypatch.setattr(event_data, "load", lambda name, *sizes: digits.subset(*sizes))
    monkeypatch.setattr(event_data, "REAL", 20)
    monkeypatch.setattr(event_data, "FITTED", 5)
    event_data.transfer.cache_clear()
    event_data.from_mnist.cache_clear()
    for i in range(30):
        nmnist.write(tmp_path / "NMNIST" / "Train" / str(looked.labels[i]) / f"{i + 1}.bin", *looked.events(i))
    nmnist.write(tmp_path / "NMNIST" / "Test" / "4" / "1.bin", *looked.events(0))
    encoded = encodings.first_events(looked)
    events = load("nmnist-transfer/first", train=8)
    assert torch.equal(events.train_images, encoded[20:28]) and events.train_labels.tolist() == (
        digits.train_labels[20:28].tolist())
    assert torch.equal(events.test_images, torch.cat([encoded[5:20], encoded[:1]]))
    assert events.test_labels.tolist() == [*looked.labels[5:20], 4]
    simulated = load("nmnist-simulated/first", train=6, test=2)
    assert torch.equal(simulated.train_images, encoded[:6])
    noise = simulator.simulate(digits.test_images[:2].numpy(), seed=1)
    assert torch.equal(simulated.test_images, encodings.first_events(noise))
    event_data.transfer.cache_clear()
    event_data.from_mnist.cache_clear()
