"""Files that people write: whatever is in them, one line that names the mistake, and nothing else."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from report import REPORT, build
from report.lab import experiments, schema

EXPERIMENTS = [path.read_text() for path in sorted((REPORT / "experiments").glob("*.toml"))]
PRESETS = [path.read_text() for path in sorted((REPORT / "presets").glob("*.toml"))]
#: what stands in for a piece of a file
PIECES = st.sampled_from(["3", "-1", "0.5", "nan", "inf", "true", "[]", "[1, 'a']", "{}", '"x"', "1979-05-27", "=", "[",
                          '"', "\n", "s1.epochs", '"s1.epochs"', "9" * 5000, "[[variants]]", "[variants.a.b]", "é"])
QUICK = settings(max_examples=100, deadline=None, derandomize=True, database=None,
                 suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def mutated(draw, texts):
    """A real file in which lines are doubled, lost or moved, and values replaced."""
    lines = draw(st.sampled_from(texts)).splitlines()[:30]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        key, equals, _ = lines[at].partition("=")
        lines[at:at + 1] = draw(st.sampled_from([
            [], [lines[at]] * 2, [lines[at], lines[0]], [f"{key}{equals} {draw(PIECES)}"], [draw(PIECES)],
            [f"{draw(PIECES)} {equals} {draw(PIECES)}"], [lines[at][:draw(st.integers(0, 40))]]])) or [""]
    return "\n".join(lines)


def one_line(function, *arguments):
    """Whether it works; if not, the mistake is told in one line."""
    try:
        function(*arguments)
    except ValueError as error:
        assert str(error) and "\n" not in str(error)
        return False
    return True


@QUICK
@given(mutated(EXPERIMENTS))
def test_no_file_of_an_experiment_ends_in_anything_but_a_line(tmp_path, text):
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    one_line(experiments.load, str(tmp_path / "x.toml"))


@QUICK
@given(mutated(PRESETS))
def test_no_preset_ends_in_anything_but_a_line(tmp_path, text):
    (tmp_path / "presets").mkdir(exist_ok=True)
    (tmp_path / "presets" / "x.toml").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "REPORT", tmp_path)
        one_line(build.load_preset, "x", [])


@QUICK
@given(st.dictionaries(st.sampled_from(list(schema.Facts.model_fields)), st.none() | st.text() | st.lists(st.none())))
def test_no_provenance_ends_in_anything_but_a_line(tmp_path, facts):
    (tmp_path / "provenance.json").write_text(json.dumps(facts))
    assert not one_line(schema.facts, tmp_path)


@pytest.mark.parametrize("text", EXPERIMENTS[:2])
def test_a_mark_of_byte_order_is_no_mistake(tmp_path, text):
    for name, mark in (("a", b""), ("b", b"\xef\xbb\xbf")):
        (tmp_path / f"{name}.toml").write_bytes(mark + text.encode())
    found = [schema.read(tmp_path / f"{name}.toml", schema.ExperimentFile) for name in "ab"]
    assert found[0] == found[1]
