"""Every figure can be drawn from tiny inputs and says what its axes are; features are projected by the right sum."""

import math
import re
from xml.etree import ElementTree

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from IPython.display import HTML
from matplotlib.figure import Figure

from report.lab import figures as charts
from report.lab.page import vectors
from report.lab.statistics import Estimate
from rstdp.config import SPYKETORCH
from rstdp.encoding import dog_kernels
from rstdp.network import Network
from rstdp.show import figures
from rstdp.show.reconstruction import reconstruct

TIMES = torch.tensor([[[0, 1], [2, 3]], [[3, 3], [1, 0]]], dtype=torch.uint8)  # 3 is silent
PICTURES = torch.arange(32).reshape(2, 4, 4)
ROWS = [("a", seed, epoch, 0.5, None, 0.4 + 0.1 * epoch, 0.0, 1.0) for seed in (0, 1) for epoch in (0, 1)]
POTENTIAL = {"time step $t$", "potential $V$ (weight units)"}
TINY = SPYKETORCH.replace({"s1.maps": 2, "s2.maps": 3, "s3.maps": 10})


def labelled(figure):
    return {label for ax in figure.axes for label in (ax.get_xlabel(), ax.get_ylabel()) if label}


@pytest.mark.parametrize("figure, labels", [
    (lambda: figures.images(PICTURES, labels=[4, 2]), set()),
    (lambda: figures.responses(PICTURES, "response"), {"response"}),
    (lambda: figures.responses(PICTURES - 9, "share", ["a", "b"], centred=True, shared=False), {"share"}),
    (lambda: figures.latencies(TIMES, bins=3), {"spike time (step)"}),
    (lambda: figures.latencies(list(TIMES), bins=3, names=["on", "off"]), {"spike time (step)"}),
    (lambda: figures.spike_wave(TIMES, bins=3, steps=(0, 2)), {"step 0", "step 2"}),
    (lambda: figures.raster(TIMES, bins=3, most=4), {"neuron", "spikes", "time step"}),
    (lambda: figures.raster(torch.full((5,), 3), bins=3), {"neuron", "spikes", "time step"}),
    (lambda: figures.potentials(torch.ones(3, 2).cumsum(0), 1.5, [1, 3]), POTENTIAL),
    (lambda: figures.potentials(torch.ones(3, 2), 0.5, torch.eye(3)[:, :2]), POTENTIAL),
    (lambda: figures.potentials(torch.ones(3, 1), math.inf, until=1), POTENTIAL),
    (lambda: figures.filters(torch.rand(3, 6, 5, 5)), {"on minus off"}),
    (lambda: figures.features(torch.zeros(3, 5, 5), columns=2), set()),
    (lambda: figures.learning_curve(ROWS, {"other": 0.6}), {"passes", "accuracy (%)"}),
    (lambda: figures.learning_curve([{"epoch": 0, "train_accuracy": 0.5}]), {"passes", "accuracy (%)"}),
    (lambda: figures.learning_curve(ROWS + [("b", *row[1:]) for row in ROWS], {
        "recorded": pd.DataFrame({"epoch": [0, 1], "test_accuracy": [0.3, 0.4]})}), {"passes", "test accuracy (%)"}),
    (lambda: figures.confusion([0, 1, 2], [0, -1, 1], classes=3), {"decision", "label"}),
    (lambda: figures.histogram(torch.rand(4, 4), "weight"), {"weight", "count"}),
])
def test_every_figure_draws_and_labels_its_axes(figure, labels):
    drawn = figure()
    drawn.canvas.draw()
    assert isinstance(drawn, Figure)
    assert labels <= labelled(drawn)


def test_a_figure_leaves_nothing_behind_in_pyplot():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    figures.raster(TIMES, bins=3)
    assert pyplot.get_fignums() == before


def test_animation_plays_by_itself_and_loads_nothing():
    player = figures.animate_wave(TIMES, bins=3, names=["on", "off <centre>"])
    assert isinstance(player, HTML)
    assert player.data.count("step ") >= 3 and "step 1, spikes: 2" in player.data
    assert "http" not in player.data and "alt=" in player.data
    assert len(player.data) < 1_500_000


def test_s1_features_are_the_kernels_weighted_and_summed():
    network = Network(TINY)
    pictures = reconstruct(network, "s1")
    expected = torch.zeros(2, 17, 17)
    for row in range(5):
        for column in range(5):
            weighted = torch.einsum("fc,cij->fij", network.weights["s1"][:, :, row, column], dog_kernels())
            expected[:, row:row + 13, column:column + 13] += weighted
    torch.testing.assert_close(pictures, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name, shape", [("s1", (2, 17, 17)), ("s2", (3, 22, 22)), ("s3", (10, 50, 50))])
def test_features_have_the_size_of_the_receptive_field(name, shape):
    assert reconstruct(Network(TINY), name).shape == shape
    assert reconstruct(Network(TINY), name, maps=[1]).shape == (1, *shape[1:])


def test_one_weight_of_s2_draws_s1s_picture_averaged_over_the_pooling_window():
    network = Network(TINY)
    network.weights["s2"].zero_()
    network.weights["s2"][0, 1, 2, 0] = 1.0
    below = reconstruct(network, "s1")[1]
    expected = torch.zeros(22, 22)
    expected[4:22, 0:18] = F.avg_pool2d(F.pad(below, (1, 1, 1, 1))[None], 2, 1)[0]
    torch.testing.assert_close(reconstruct(network, "s2")[0], expected, rtol=1e-4, atol=1e-4)


def test_an_unknown_layer_is_named():
    with pytest.raises(ValueError, match="no layer 'c1'"):
        reconstruct(Network(TINY), "c1")


def test_points_far_from_all_others_get_a_part_of_the_axis():
    near = {name: Estimate(0.001 * i, 0.004, 3) for i, name in enumerate("abcd")}
    assert len(charts.split(near)) == 1 and len(charts.estimates(near).axes) == 1
    far = near | {"e": Estimate(-0.19, 0.004, 3)}
    below, above = charts.split(far)
    assert below[0] < -19.4 and below[1] < above[0] and above[1] > 0.7
    figure = charts.estimates(far)
    drawn = [ax.get_xlim() for ax in figure.axes]
    assert drawn == [pytest.approx(below), pytest.approx(above)]


def test_the_figure_of_all_claims_draws_each_row_and_says_what_lies_beyond_it():
    rows = [("1a", Estimate(-0.007, 0.004, 4), -0.01, 0.01, "undecided"),
            ("3b far", Estimate(-0.37, 0.01, 3), float("-inf"), 0.01, "reproduced")]
    ax = charts.forest(rows).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1a (n = 4)", "3b far (n = 3)"]
    assert [text.get_text() for text in ax.texts] == ["−37.0"]
    drawn = vectors(charts.forest(rows, ["#claim-1a", "#claim-3b"]), 'all "claims"')
    ElementTree.fromstring(drawn)  # it is well formed
    links = re.findall('<a href="#(.*?)"><title>(.*?)</title>', drawn)
    assert links == [("claim-1a", "claim-1a"), ("claim-3b", "claim-3b")]
    assert 'aria-label="all &quot;claims&quot;"' in drawn
    assert any(list(line.get_xdata()) == pytest.approx([-1.1, -0.3]) for line in ax.lines if len(line.get_xdata()) == 2)


def test_errors_have_a_scale_of_their_own_in_a_confusion_matrix():
    figure = figures.confusion([0] * 99 + [1], [0] * 98 + [1, -1], classes=2)
    errors = figure.axes[0].images[1]
    assert errors.get_array().mask.diagonal().all() and errors.get_clim() == (0, 100)
    assert figures.confusion([0] * 99 + [0], [0] * 99 + [1], classes=2).axes[0].images[1].get_clim() == (0, 1)
