"""Slow weights: the mean of the fast ones decides, and nothing else changes; images come shifted."""

import copy

import pytest
import torch

from report.studies.reward import blocks
from report.studies.second_try import SecondTryConfig, learner
from report.studies.shifted import nine_times, shifted
from report.studies.slow_weights import SlowWeightsPasses
from rstdp import SPYKETORCH, learning
from rstdp.training import Trainer

CONFIG = SecondTryConfig.of(SPYKETORCH).replace({
    "s1.maps": 8, "s2.maps": 12, "s3.maps": 20, "batch": 6, "s1.double_every": 5, "s2.double_every": 5,
    "s2.threshold": 4, "s1.epochs": 2, "s2.epochs": 2, "s3.epochs": 3})


def test_fast_weights_learn_as_without_and_their_mean_decides():
    data = blocks()
    trainer = Trainer(CONFIG.replace({"s3.epochs": 0}), data, quiet=True)
    train, _, test = trainer.prepare()
    passes, mine, plain = SlowWeightsPasses(), trainer.network, copy.deepcopy(trainer.network)
    assert passes.rstdp(mine, train, data.train_labels, (1.0, 1.0), learning.ignore) == learning.rstdp_epoch(
        copy.deepcopy(plain), train, data.train_labels, (1.0, 1.0))
    steps, phi, show = [], (1.0, 1.0), learner(plain)
    for part, labels in zip(train.split(6), data.train_labels.split(6)):
        _, phi = learning.rstdp_epoch(plain, part, labels, phi, learn=show)
        steps.append(plain.weights["s3"].double())
    assert torch.equal(mine.weights["s3"], plain.weights["s3"])
    assert len(steps) == 3 and not torch.equal(steps[0], steps[-1])
    assert torch.equal(passes.slow, torch.stack(steps).mean(0).float())
    slow = copy.deepcopy(mine)
    slow.weights["s3"] = passes.slow
    assert passes.accuracy(mine, test, data.test_labels) == learning.accuracy(slow, test, data.test_labels)
    assert torch.equal(mine.weights["s3"], plain.weights["s3"]), "looking changes nothing"


def test_a_run_goes_on_to_the_same_accuracies(tmp_path):
    config = CONFIG.replace({"second_tries": 3})
    straight = Trainer(config, blocks(), passes=SlowWeightsPasses(), quiet=True)
    straight.run()
    for passes in (1, 2, 3):
        resumed = Trainer(config.replace({"s3.epochs": passes}), blocks(), folder=tmp_path,
                          passes=SlowWeightsPasses(), quiet=True)
        resumed.run()
    assert [row[2:-1] for row in resumed.progress.rows] == [row[2:-1] for row in straight.progress.rows]
    assert torch.equal(resumed.network.weights["s3"], straight.network.weights["s3"])


def test_images_move_by_one_pixel_and_come_last_as_they_are():
    images = torch.zeros(1, 5, 5, dtype=torch.uint8)
    images[0, 2, 2] = 9
    moved = list(shifted(images))
    assert len(moved) == 9 and torch.equal(moved[-1], images)
    assert sorted(divmod(int(one.argmax()), 5) for one in moved) == [(y, x) for y in (1, 2, 3) for x in (1, 2, 3)]
    edge = torch.full((1, 5, 5), 7, dtype=torch.uint8)
    assert sorted(int((one == 0).sum()) for one in shifted(edge)) == [0, 5, 5, 5, 5, 9, 9, 9, 9]


@pytest.mark.parametrize("held_out", [0, 4])
def test_of_images_to_choose_by_there_are_no_shifts(held_out):
    whole = blocks()
    data = nine_times(whole, held_out)
    assert len(data.train_images) == 9 * 16 - 8 * held_out == len(data.train_labels)
    assert torch.equal(data.train_images[-16:], whole.train_images)
    assert torch.equal(data.train_labels[-16:], whole.train_labels)
    assert torch.equal(data.train_labels[:16 - held_out], whole.train_labels[:16 - held_out])
    shown, kept, _ = data.split(held_out)
    assert torch.equal(kept, whole.train_images[16 - held_out:])
    assert len(shown.train_images) == 9 * (16 - held_out)
    assert torch.equal(nine_times(whole).test_images, whole.test_images)
