"""One's own pictures: whatever the paper, the light and the file format, the digit is found, or none is said to be."""

import io
import warnings

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from rstdp import load_image, load_pretrained
from rstdp.__main__ import main
from rstdp.data import DataError
from rstdp.images import picture

SIDE = 300
Y, X = np.mgrid[:SIDE, :SIDE] / SIDE
TWO = ((.32, .3), (.38, .2), (.5, .17), (.62, .21), (.67, .31), (.6, .45), (.34, .78), (.7, .78))


def strokes(points=TWO, width=22, shift=0.0):
    """Ink (SIDE, SIDE) from 0 to 1 along a line through points."""
    image = Image.new("L", (2 * SIDE, 2 * SIDE))
    pen, width = ImageDraw.Draw(image), 2 * width
    points = [(2 * SIDE * (x + shift), 2 * SIDE * y) for x, y in points]
    pen.line(points, fill=255, width=width)
    for x, y in points:
        pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)) / 255


def grey(pixels):
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def noise(level):
    return np.random.default_rng(0).normal(0, level, (SIDE, SIDE))


INK = strokes()
ON_PAPER = 240 - 220 * INK
LYING, STANDING = (Y * SIDE + 5) % 30 < 2, (X * SIDE + 7) % 30 < 2
LIGHT = 1 - 1.1 * ((X - .4) ** 2 + (Y - .4) ** 2)
CLEAR = np.full((SIDE, SIDE), 8, np.uint8)
rows, columns = np.nonzero(INK > .3)
TIGHT = np.s_[rows.min():rows.max() + 1, columns.min():columns.max() + 1]
READ_AS_TWO = {
    "clean": grey(ON_PAPER),
    "grey and transparent": Image.merge("LA", (grey(CLEAR), grey(255 * INK))),
    "coloured and transparent": Image.merge("RGBA", (grey(CLEAR), grey(CLEAR), grey(CLEAR), grey(255 * INK))),
    "16 bits": Image.fromarray((ON_PAPER * 257).astype(np.uint16)),
    "12 bits": Image.fromarray((ON_PAPER * 16).astype(np.uint16)),
    "thin": grey(240 - 220 * strokes(width=2)),
    "faint": grey(235 - 35 * INK + noise(2)),
    "gradient": grey(ON_PAPER * (.35 + .65 * X)),
    "vignette": grey(ON_PAPER * LIGHT + noise(3)),
    "ruled": grey(np.where(LYING, np.minimum(ON_PAPER, 130), ON_PAPER)),
    "squared": grey(np.where(LYING | STANDING, np.minimum(ON_PAPER, 130), ON_PAPER)),
    "specks": grey(np.where(np.random.default_rng(0).random((SIDE, SIDE)) < .001, 0, ON_PAPER)),
    "noise": grey(ON_PAPER + noise(25)),
    "table's edge": grey(np.where(X < .08 + .02 * Y, 50, ON_PAPER)),
    "blackboard": grey((60 + 150 * INK) * LIGHT + noise(3)),
    "tight": grey(ON_PAPER[TIGHT]),
    "tight on black": grey(255 * INK[TIGHT]),
    "at the border": grey(ON_PAPER[rows.min():]),
    "small in a large picture": grey(np.pad(ON_PAPER, ((500, 100), (200, 400)), constant_values=240)),
}
NOTHING = {
    "paper": grey(np.full((SIDE, SIDE), 255)),
    "paper with noise": grey(238 + noise(4)),
    "paper in uneven light": grey(238 * LIGHT + noise(3)),
    "lined paper": grey(np.where(LYING, 130, 240)),
    "a shadow": grey(238 * (.3 + .7 * X)),
    "blackboard in uneven light": grey(60 * LIGHT + noise(3)),
    "blackboard with a bright spot": grey(40 + 60 * np.exp(-12 * ((X - .5) ** 2 + (Y - .5) ** 2)) + noise(2)),
    "table's edge": grey(np.where(X < .1, 50, 240)),
    "transparent": Image.new("RGBA", (40, 40)),
    "one pixel": Image.new("L", (1, 1)),
    "a row of pixels": Image.new("L", (500, 1), 200),
}


def saved(image, folder, name="digit.png"):
    image.save(folder / name)
    return folder / name


@pytest.mark.parametrize("name", READ_AS_TWO)
def test_a_two_is_read_as_a_two(name, tmp_path):
    image = load_image(saved(READ_AS_TWO[name], tmp_path))
    assert image.shape == (28, 28) and image.dtype == torch.uint8 and image.max() > 230 and image[0].max() == 0
    assert load_pretrained("mnist").classify(image[None]).tolist() == [2]


@pytest.mark.parametrize("name", NOTHING)
def test_where_there_is_no_digit_none_is_guessed(name, tmp_path):
    with pytest.raises(DataError, match="digit.png: no digit to be seen"):
        load_image(saved(NOTHING[name], tmp_path))


def test_an_image_of_mnists_kind_stays_as_it_is(digits, tmp_path):
    for pixels in digits.test_images[:30]:
        if picture.is_prepared(pixels.numpy().astype(float)):
            assert torch.equal(load_image(saved(grey(pixels.numpy()), tmp_path)), pixels)
    prepared = torch.from_numpy(picture.centred(INK))
    assert torch.equal(load_image(saved(grey(prepared.numpy()), tmp_path)), prepared)


def test_every_image_of_mnist_stays_as_it_is(mnist):
    assert all(picture.is_prepared(pixels) for pixels in mnist.test_images.double().numpy())


def test_several_digits_are_warned_of_and_one_is_not(tmp_path, capsys):
    both = strokes(width=14, shift=-.22) + strokes(((.5, .2), (.5, .75)), 14, .22)
    path = saved(grey(240 - 220 * both), tmp_path, "both.png")
    with pytest.warns(picture.SeveralDigits, match="both.png"):
        load_image(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_image(saved(READ_AS_TWO["specks"], tmp_path))
    assert main(["classify", str(path)]) == 0 and "warning: " in capsys.readouterr().err


def test_one_bad_picture_does_not_stop_the_others(tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\1IHDR\0\0\0\0\0")
    (tmp_path / "odd.dds").write_bytes(b"DDS " + bytes(range(200)))
    good, blank = saved(grey(ON_PAPER), tmp_path), saved(NOTHING["paper"], tmp_path, "blank.png")
    names = [str(tmp_path / "bad.png"), str(tmp_path / "odd.dds"), str(blank), str(good)]
    assert main(["classify", *names]) == 2
    told = capsys.readouterr()
    assert f"{good}: 2" in told.out and told.out.count("\n") == 1
    for name, line in zip(names[:3], told.err.splitlines(), strict=True):
        assert line.startswith(f"error: {name}")


def test_silence_has_no_strongest_maps_and_an_interrupted_classify_no_checkpoint(tmp_path, capsys, monkeypatch):
    path = str(saved(grey(ON_PAPER), tmp_path))
    monkeypatch.setattr("rstdp.show.commands.load_image", lambda path: torch.zeros(28, 28, dtype=torch.uint8))
    assert main(["classify", path]) == 0
    told = capsys.readouterr().out
    assert "silent" in told and "maps stand for" not in told

    def stop(path):
        raise KeyboardInterrupt
    monkeypatch.setattr("rstdp.show.commands.load_image", stop)
    assert main(["classify", path]) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_a_picture_that_claims_to_be_enormous_is_not_unpacked(tmp_path):
    for side, name in ((50_000, "huge.png"), (9_000, "large.png")):
        file = io.BytesIO()
        Image.new("1", (8, 8)).save(file, "PNG")
        content = bytearray(file.getvalue())
        content[16:24] = side.to_bytes(4, "big") * 2
        import zlib
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name} cannot be read as an image .*pixels"):
            load_image(tmp_path / name)


SMALL = READ_AS_TWO["clean"].resize((48, 48))


def encoded(image, kind):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


FILES = [encoded(image, kind) for kind in ("PNG", "JPEG", "BMP", "GIF", "TIFF") for image in (SMALL, SMALL.convert("P"))
         if (kind, image.mode) != ("JPEG", "P")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.sampled_from(FILES), cut=st.integers(0, 4000),
       changes=st.lists(st.tuples(st.integers(0, 3999), st.integers(0, 255)), max_size=8))
def test_damaged_files_end_in_one_line_with_the_name(tmp_path, content, cut, changes):
    damaged = bytearray(content)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    (tmp_path / "any.png").write_bytes(damaged[:max(1, cut)])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", picture.SeveralDigits)
            assert load_image(tmp_path / "any.png").shape == (28, 28)
    except DataError as error:
        assert "any.png" in str(error) and "\n" not in str(error)
