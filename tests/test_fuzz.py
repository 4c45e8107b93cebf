"""Files of weights and checkpoints, cut and flipped at random: used as they were, or refused in one line."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rstdp.files import CheckpointError, read_npz
from rstdp.network import Network
from rstdp.training import Trainer


@pytest.fixture(scope="module")
def run(small, digits, tmp_path_factory):
    """(configuration, data, folder) of a run that is complete."""
    config = small.replace({"s1.maps": 4, "s2.maps": 5, "s3.maps": 10, "s1.epochs": 1, "s2.epochs": 1, "s3.epochs": 1})
    data, folder = digits.subset(30, 10), tmp_path_factory.mktemp("run")
    Trainer(config, data, 0, folder, quiet=True).run()
    return config, data, folder


def read(run, folder, name):
    """The weights that a file gives to a network or to a run that resumes."""
    config, data, _ = run
    if name == "weights.npz":
        return Network.load(folder / name).arrays()
    return Trainer(config, data, 0, folder, quiet=True).network.arrays()


def refused_or_the_same(run, folder, name):
    """And whatever the file holds, it is left as it is."""
    before, expected = (folder / name).read_bytes(), read(run, run[2], name)
    try:
        found = read(run, folder, name)
    except CheckpointError as error:
        assert str(folder / name) in str(error) and "\n" not in str(error)
    else:
        assert all(np.array_equal(found[key], expected[key]) for key in expected)
    assert (folder / name).read_bytes() == before


@pytest.mark.parametrize("name", ["weights.npz", "checkpoint.npz"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4),
       kept=st.one_of(st.just(1.0), st.floats(0, 1)), directory=st.booleans())
def test_a_file_that_is_cut_or_flipped(run, tmp_path, name, places, kept, directory):
    """directory: flip in the last part, which names the arrays; it has no checksum of its own."""
    whole = bytearray((run[2] / name).read_bytes())
    first = max(0, len(whole) - 900) if directory else 0
    for place, change in places:
        whole[first + int(place * (len(whole) - first))] ^= change
    (tmp_path / name).write_bytes(whole[:int(kept * len(whole))])
    refused_or_the_same(run, tmp_path, name)


@pytest.mark.parametrize("name", ["weights.npz", "checkpoint.npz"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_whose_arrays_are_missing_or_others(run, tmp_path, name, data):
    """What is no damage of a file, but another program's."""
    arrays = read_npz(run[2] / name)
    key = data.draw(st.sampled_from(sorted(arrays)))
    arrays[key] = data.draw(st.sampled_from([
        None, np.empty(0), *map(np.array, ("text", "{}", "[1]", "null", json.dumps({"layer": "x"}))),
        arrays[key].astype(str), arrays[key][None], np.zeros(arrays[key].shape, np.float16)]))
    np.savez(tmp_path / name, **{each: array for each, array in arrays.items() if array is not None})
    try:
        read(run, tmp_path, name)
    except CheckpointError as error:
        assert str(tmp_path / name) in str(error) and "\n" not in str(error)
