"""The handmade problem: its images, its rules by hand, and the recorded seeds computed again."""

from pathlib import Path

import numpy as np
import pytest

from rstdp import handmade
from rstdp.handmade import BARS, Problem

RECORDED = Path(__file__).parent.parent / "report" / "results" / "handmade" / "runs.csv"
BY_NAME = dict(zip(handmade.ORIENTATIONS, BARS))


def test_images_and_classes():
    images, classes = handmade.stimuli(Problem())
    assert images.shape == (12, 3, 9) and np.bincount(classes + 1).tolist() == [6, 2, 2, 2]
    assert (images.sum((1, 2)) == 6).all() and not images[:, :, 3:6].any()
    for image, label in zip(images, classes):
        names = {name for name, bar in BY_NAME.items() for tile in (image[:, :3], image[:, 6:]) if (tile == bar).all()}
        assert len(names) == 2 and ("rising" in names) == (label == handmade.DISTRACTOR)
    images, classes = handmade.stimuli(Problem(repeats=True))
    assert np.bincount(classes + 1).tolist() == [10, 2, 2, 2]


def trained(*names):
    """S1 as if it had learned these bars."""
    return np.stack([BY_NAME[name] for name in names]).astype(np.float32)


S2 = np.array([[0.8, 0.8, 0.2], [0.8, 0.2, 0.8], [0.2, 0.8, 0.8]], dtype=np.float32)


@pytest.mark.parametrize("problem", [Problem(), Problem(pointwise=False), Problem(repeats=True)])
def test_three_diagnostic_bars_solve_the_problem(problem):
    s1 = trained("horizontal", "vertical", "falling")
    assert handmade.accuracy(problem, s1, S2) == 1
    assert handmade.diagnostic(handmade.learned(s1)) and handmade.diagnostic(handmade.preferred(s1))


def test_any_other_three_bars_are_not_diagnostic():
    for names in (("horizontal", "vertical", "rising"), ("horizontal", "vertical", "vertical")):
        assert handmade.learned(trained(*names)) == list(names)
        assert not handmade.diagnostic(handmade.learned(trained(*names)))
        assert handmade.accuracy(Problem(), trained(*names), S2) < 1
    blurred = 0.3 + 0.1 * trained("falling", "horizontal", "vertical")
    assert handmade.learned(blurred) == ["other"] * 3 and handmade.diagnostic(handmade.preferred(blurred))


def first_step(rule, label, pointwise=False):
    """One image, horizontal and vertical, shown to maps 0 and 1 that prefer these bars; S2 answers 0."""
    problem = Problem(pointwise=pointwise, adapt=False)
    s1 = np.full((3, 3, 3), 0.7, dtype=np.float32)
    s1[0][BARS[0] > 0], s1[1][BARS[1] > 0] = 0.8, 0.8
    s2 = np.array([[0.8, 0.7, 0.7], [0.5] * 3, [0.5] * 3], dtype=np.float32)
    image = np.hstack([BARS[0], np.zeros((3, 3), np.uint8), BARS[1]])[None]
    before = s1.copy(), s2.copy()
    counted = handmade.show(image, np.array([label]), s1, s2, (0.004, -0.003), (-0.004, 0.0005), rule == "stdp",
                            problem)
    return counted, s1 - before[0], s2 - before[1]


def test_a_reward_strengthens_what_was_white_in_both_layers():
    (hits, misses), one, two = first_step("r-stdp", 0)
    assert (hits, misses) == (1, 0)
    for f in (0, 1):
        for white, factor in ((BARS[f] > 0, 0.004 * 0.8 * 0.2), (BARS[f] == 0, -0.003 * 0.7 * 0.3)):
            assert np.allclose(one[f][white], factor, atol=1e-7)
    assert not one[2].any()
    assert np.allclose(two[0], [0, 0.004, 0.004], atol=1e-7) and not two[1:].any()  # the first stands at its bound


def test_a_punishment_turns_it_around_and_stdp_does_not_ask():
    (hits, misses), one, two = first_step("r-stdp", 1)
    assert (hits, misses) == (0, 1)
    assert np.allclose(one[0][BARS[0] > 0], -0.004 * 0.8 * 0.2, atol=1e-7)
    assert np.allclose(one[0][BARS[0] == 0], 0.0005 * 0.7 * 0.3, atol=1e-7)
    assert np.allclose(two[0], -0.004, atol=1e-7)
    _, one, two = first_step("stdp", 1)
    assert np.allclose(one[0][BARS[0] > 0], 0.004 * 0.8 * 0.2, atol=1e-7)
    assert np.allclose(two[0], -0.004, atol=1e-7)


def test_a_distractor_is_neutral_for_reward_but_not_for_stdp():
    counted, one, two = first_step("r-stdp", handmade.DISTRACTOR)
    assert counted == (0, 0) and not one.any() and not two.any()
    _, one, two = first_step("stdp", handmade.DISTRACTOR)
    assert one[:2].any() and not two.any()


def test_pointwise_inhibition_leaves_one_map_a_tile():
    problem, s1 = Problem(), trained("horizontal", "vertical", "falling") * np.float32(0.8) + np.float32(0.1)
    image = np.hstack([BARS[0], np.zeros((3, 3), np.uint8), BARS[1]])
    found = handmade.potentials(image, s1, problem)
    assert (found > problem.threshold).tolist() == [[True, False, False], [False, False, True], [False, False, False]]
    assert handmade.potentials(image, s1, problem._replace(stride=1)).shape == (3, 7)


def test_wrong_rule_is_refused():
    with pytest.raises(ValueError, match="r-stdp, stdp"):
        handmade.learn(Problem(), "hebb")
