"""Sliders call a reader's own function with what they show, and draw what it returns."""

import base64
import importlib
import io
import json
import math
import warnings

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from adam_course import Adam, GradientDescent, bowl, minimize, replay, rosenbrock, saddle
from adam_course.landscapes import quadratic
from adam_course.widgets.sliders import Sliders, sliders

MODULE = importlib.import_module("adam_course.widgets.sliders")


@pytest.fixture(autouse=True)
def nothing_is_printed_and_no_figure_is_made_for_all(capsys):
    yield
    assert capsys.readouterr() == ("", "")
    assert plt.get_fignums() == []


@pytest.fixture
def builds(monkeypatch):
    """How often a background was drawn; the lines alone are drawn at every move."""
    calls = []
    build = MODULE._Lines._build

    def counted(*arguments):
        calls.append(arguments)
        return build(*arguments)

    monkeypatch.setattr(MODULE._Lines, "_build", counted)
    return calls


def my_run(learning_rate=0.1, beta1=0.9):
    return minimize(rosenbrock, Adam(learning_rate, beta1), steps=20)


def lines(level=1.0):
    return level * np.arange(1, 11)


def pixels(widget):
    picture = Image.open(io.BytesIO(widget.picture.value))
    assert picture.mode == "P", "a palette is what makes it fast"
    return np.asarray(picture.convert("RGB")).astype(int)


def share_of(widget, colour):
    """The share of the pixels that are about of a colour."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return (np.abs(pixels(widget) - wanted).max(axis=-1) < 24).mean()


ADAM, SECOND = "#0072B2", "#D55E00"


# --------------------------------------------------------------------- what it draws


def test_a_run_is_drawn_on_the_contours_of_its_landscape():
    widget = sliders(my_run, landscape=rosenbrock, learning_rate=(1e-4, 1), beta1=(0, 0.999))
    assert isinstance(widget, Sliders)
    assert isinstance(widget, ipywidgets.VBox)
    assert widget.children == (
        *widget.sliders.values(), widget.picture, widget.readout, widget.message,
    )  # fmt: skip
    assert list(widget.sliders) == ["learning_rate", "beta1"]
    assert [slider.description for slider in widget.sliders.values()] == ["learning_rate", "beta1"]
    assert widget.values == {"learning_rate": 0.1, "beta1": 0.9}
    np.testing.assert_array_equal(widget.result.x, my_run().x)
    assert f"last loss: {my_run().loss[-1]:.4g}" in widget.readout.value
    assert widget.message.value == ""
    assert pixels(widget).shape == (518, 1036, 3)
    assert tuple(pixels(widget)[0, 0]) == (255, 255, 255)
    assert share_of(widget, ADAM) > 1e-3


def drawn(widget):
    """The lines that were drawn last: of each name, its loss, and its way if it has one."""
    return {
        name: [artist.get_xydata() for artist in artists]
        for name, artists in widget._drawing._artists.items()
    }


def test_the_lines_are_the_runs_places_and_losses():
    widget = sliders(my_run, landscape=rosenbrock, learning_rate=(1e-4, 1))
    curve, way, ring = drawn(widget)[""]
    path = my_run()
    np.testing.assert_array_equal(way, path.x)
    np.testing.assert_array_equal(ring, path.x[:1])
    np.testing.assert_array_equal(curve, np.column_stack([path.t, path.loss]))


@pytest.mark.parametrize("kind", [np.asarray, np.ndarray.tolist], ids=["array", "list"])
def test_places_get_the_loss_of_their_landscape(kind):
    places = np.array([[3.0, 4.0], [1.0, 0.0], [0.5, 0.5]])
    widget = sliders(lambda k: kind(places), landscape=bowl, k=(1, 3))
    curve, way, _ = drawn(widget)[""]
    np.testing.assert_array_equal(way, places)
    assert curve.tolist() == [[0, 25], [1, 1], [2, 0.5]]


def test_a_thinned_run_is_drawn_at_its_steps():
    def thinned(learning_rate=0.1):
        return minimize(rosenbrock, Adam(learning_rate), steps=20, record=7)

    widget = sliders(thinned, landscape=rosenbrock, learning_rate=(1e-4, 1))
    assert drawn(widget)[""][0][:, 0].tolist() == [0, 7, 14, 20]


def test_several_runs_have_their_own_looks():
    def race(learning_rate=0.01):
        return {
            "mine": minimize(bowl, GradientDescent(learning_rate), steps=9).x,
            "Adam": minimize(bowl, Adam(learning_rate), steps=9),
            "Adam, doubled": minimize(bowl, Adam(2 * learning_rate), steps=9),
        }

    widget = sliders(race, landscape=bowl, learning_rate=(1e-4, 1))
    assert list(drawn(widget)) == ["mine", "Adam", "Adam, doubled"]
    artists = widget._drawing._artists
    looks = [(line[1].get_color(), line[1].get_linestyle()) for line in artists.values()]
    assert looks[1] == (ADAM, "-")
    assert len(set(looks)) == 3
    (legend,) = widget._drawing.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(artists)
    for name in artists:
        assert f"{name} " in widget.readout.value


def test_a_loss_below_zero_is_drawn_above_its_minimum():
    widget = sliders(
        lambda learning_rate: minimize(saddle, Adam(learning_rate), steps=50),
        landscape=saddle, learning_rate=(1e-3, 1, 0.1),
    )  # fmt: skip
    curve = drawn(widget)[""][0]
    np.testing.assert_allclose(curve[:, 1], widget.result.loss - saddle.minimum)
    assert f"last loss: {widget.result.loss[-1]:.4g}" in widget.readout.value
    assert widget._drawing.figure.axes[1].get_ylabel() == "loss above its minimum"


def test_an_exact_zero_is_left_out_of_a_logarithmic_axis():
    widget = sliders(
        lambda k: minimize(bowl, GradientDescent(0.5), steps=3), landscape=bowl, k=(1, 2)
    )
    assert widget.result.loss[1:].tolist() == [0, 0, 0]
    assert np.isnan(drawn(widget)[""][0][:, 1]).tolist() == [False, True, True, True]
    assert widget.message.value == ""


def scale(widget):
    return widget._drawing.figure.axes[-1].get_yscale()


def test_without_a_landscape_lines_are_drawn_over_the_steps():
    widget = sliders(lines, level=(0.5, 2.0))
    assert drawn(widget)[""][0].tolist() == [[i, i + 1] for i in range(10)]
    assert len(widget._drawing.figure.axes) == 1
    assert scale(widget) == "linear"
    assert "last value: 10" in widget.readout.value
    assert share_of(widget, ADAM) > 1e-3


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1.0, 1000.0], "log"),
        ([1.0, 999.0], "linear"),
        ([0.0, 1e-3, 1e3], "linear"),
        ([-1e-3, 1e3], "linear"),
    ],
)
def test_what_spans_a_thousandfold_above_zero_is_drawn_on_a_logarithmic_axis(values, wanted):
    assert scale(sliders(lambda k: values, k=(1, 2))) == wanted


def test_without_a_landscape_a_run_shows_its_loss():
    widget = sliders(my_run, beta1=(0, 0.99))
    np.testing.assert_array_equal(drawn(widget)[""][0][:, 1], widget.result.loss)
    assert scale(widget) == "log"
    assert widget._drawing.figure.axes[0].get_ylabel() == "loss"


def test_a_dict_of_arrays_is_drawn_as_lines_of_two_looks():
    widget = sliders(lambda k: {"a": lines(k), "b": lines(-k)[:4]}, k=(1, 5))
    assert [len(artists[0]) for artists in drawn(widget).values()] == [10, 4]
    assert share_of(widget, ADAM) > 1e-3
    assert share_of(widget, SECOND) > 1e-4
    assert "last value: a 30, b -12" in widget.readout.value


def test_with_axes_the_function_draws_itself():
    seen = []

    def draw(ax, steps, label="x"):
        seen.append((ax, steps, label))
        ax.plot(range(steps), color=SECOND)
        return steps

    widget = sliders(draw, axes=True, steps=(2, 30, 10))
    assert [call[1:] for call in seen] == [(10, "x")]
    assert seen[0][0].figure is widget._drawing.figure
    assert share_of(widget, SECOND) > 1e-4
    before = widget.picture.value
    widget.sliders["steps"].value = 20
    assert widget.result == 20
    assert widget.picture.value != before
    assert len(widget._drawing.figure.axes) == 1


# ----------------------------------------------------------------------- scales


def control(name, wanted, function=lambda **anything: lines()):
    return sliders(function, **{name: wanted}).sliders[name]


@pytest.mark.parametrize("name", ["learning_rate", "epsilon", "weight_decay"])
def test_what_is_named_so_is_on_a_logarithmic_scale(name):
    widget = sliders(lambda **anything: lines(), **{name: (0.02, 0.5)})
    slider = widget.sliders[name]
    assert isinstance(slider, ipywidgets.FloatLogSlider)
    assert slider.continuous_update
    assert slider.readout_format == ".3g"
    assert widget.values == {name: 0.1}, "the middle of the scale"
    slider.value = slider.base**slider.min
    assert widget.values == {name: 0.02}
    slider.value = slider.base**slider.max
    assert widget.values == {name: 0.5}
    slider.value = 0.123456
    assert widget.values == {name: 0.123}


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        ((0.01, 1.0), ipywidgets.FloatLogSlider),
        ((0.0101, 1.0), ipywidgets.FloatSlider),
        ((0, 1.5), ipywidgets.FloatSlider),
        ((-1.0, 1000.0), ipywidgets.FloatSlider),
        ((1, 1000), ipywidgets.IntSlider),
        ((1, 10), ipywidgets.IntSlider),
        ((1, 10, 2.5), ipywidgets.FloatSlider),
    ],
)
def test_the_scale_of_any_other_name_is_chosen_by_its_range(wanted, kind):
    assert type(control("gamma", wanted)) is kind


def test_more_digits_than_three_are_kept_where_they_were_asked_for():
    widget = sliders(lambda learning_rate: lines(), learning_rate=(1.2345e-4, 1.2345, 0.012345))
    slider = widget.sliders["learning_rate"]
    values = [widget.values["learning_rate"]]
    for edge in (slider.min, slider.max):
        slider.value = slider.base**edge
        values.append(widget.values["learning_rate"])
    slider.value = 1.2346e-4  # to three digits it would be below the range
    assert [*values, widget.values["learning_rate"]] == [0.012345, 1.2345e-4, 1.2345, 1.2345e-4]


@pytest.mark.parametrize("name", ["beta", "beta1", "beta2", "momentum"])
def test_nines_have_equal_room_on_the_scale_of_a_beta(name):
    slider = control(name, (0, 0.999))
    values = [value for _, value in slider.options]
    assert (values[0], values[-1]) == (0.0, 0.999)
    where = [values.index(beta) for beta in (0.0, 0.9, 0.99, 0.999)]
    assert np.diff(where).tolist() == [20, 20, 20]
    gaps = np.diff(-np.log10(1 - np.array(values)))
    assert gaps.min() > 0.03
    assert gaps.max() < 0.08
    assert slider.value == pytest.approx(1 - 10**-1.5, abs=2e-3), "the middle of the scale"
    for beta in (0.5, 0.8, 0.95, 0.98, 0.995):
        assert beta in values


def test_ends_and_start_of_a_beta_are_kept_as_given():
    slider = control("beta1", (0.123, 0.98765, 0.8765))
    assert (slider.options[0][1], slider.options[-1][1]) == (0.123, 0.98765)
    assert slider.value == 0.8765
    assert slider.label == "0.8765"


def test_other_ranges_reach_from_low_to_high():
    real = control("gamma", (-1.0, 3.0))
    assert (real.min, real.max, real.value, real.step) == (-1, 3, 1, 0.01)
    whole = control("steps", (10, 500, 20))
    assert (whole.min, whole.max, whole.value) == (10, 500, 20)
    assert control("steps", (10, 500)).value == 255


def test_a_bool_is_a_box_and_a_list_is_a_choice():
    box = control("nesterov", True)
    assert isinstance(box, ipywidgets.Checkbox)
    assert box.value is True
    numbers = control("batch", [1, 8, 64])
    assert isinstance(numbers, ipywidgets.SelectionSlider)
    assert numbers.value == 8
    things = control("rule", [Adam, GradientDescent])
    assert isinstance(things, ipywidgets.Dropdown)
    assert things.value is Adam
    assert [label for label, _ in things.options] == ["Adam", "GradientDescent"]


def test_the_functions_own_default_is_the_start_where_it_is_in_the_range():
    def run(learning_rate=0.3, beta1=0.5, steps=7, rule="b", gamma=9.0, epsilon=None):
        return lines()

    widget = sliders(
        run, learning_rate=(1e-4, 1), beta1=(0, 0.9), steps=(1, 9), rule=["a", "b"],
        gamma=(0.0, 1.0), epsilon=(1e-10, 1e-6),
    )  # fmt: skip
    assert widget.values == {
        "learning_rate": 0.3, "beta1": 0.5, "steps": 7, "rule": "b", "gamma": 0.5, "epsilon": 1e-8,
    }  # fmt: skip
    assert sliders(run, learning_rate=(1e-4, 1, 0.2)).values == {"learning_rate": 0.2}


# --------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("ranges", "match"),
    [
        ({"learning_rate": (1, 1e-4)}, r"^learning_rate must have low < high, got \(1, 0.0001\)$"),
        ({"learning_rate": (0.1, 0.1)}, r"^learning_rate must have low < high, got \(0.1, 0.1\)$"),
        ({"learning_rate": (0, 1)}, r"^learning_rate must have low above 0 .* got \(0, 1\)$"),
        ({"learning_rate": (-1, 1)}, r"^learning_rate must have low above 0 .* got \(-1, 1\)$"),
        ({"learning_rate": (1e-4, math.inf)}, r"^learning_rate must .*finite.* got \(0.0001, inf"),
        ({"learning_rate": (math.nan, 1)}, r"^learning_rate must .*finite.* got \(nan, 1\)$"),
        ({"learning_rate": (False, True)}, r"^learning_rate must .*finite.* got \(False, True\)$"),
        ({"learning_rate": ("a", "b")}, r"^learning_rate must .*finite.* got \('a', 'b'\)$"),
        ({"learning_rate": (1e-4, 1, 2)}, r"^learning_rate .*start between .* got \(0.0001, 1, 2"),
        ({"learning_rate": (1,)}, r"^learning_rate must be \(low, high\), .* got \(1,\)$"),
        ({"learning_rate": 0.1}, r"^learning_rate must be \(low, high\), .* got 0.1$"),
        ({"learning_rate": "ab"}, r"^learning_rate must be \(low, high\), .* got 'ab'$"),
        ({"learning_rate": []}, r"^learning_rate must have at least one choice, got \[\]$"),
        ({"learning_rate": [1, 1]}, r"^learning_rate must have choices .*apart, got \[1, 1\]$"),
        ({"beta1": (0, 1)}, r"^beta1 must be a range in \[0, 1\), got \(0, 1\)$"),
        ({"beta1": (-0.1, 0.9)}, r"^beta1 must be a range in \[0, 1\), got \(-0.1, 0.9\)$"),
        ({"gamma": (0, 1)}, r"^gamma is no argument of my_run, got \(0, 1\) for it$"),
        ({}, r"^ranges must name at least one argument of my_run, got none$"),
    ],
)
def test_bad_ranges_are_refused_by_name_before_anything_runs(ranges, match):
    called = []

    def my_run(learning_rate=0.1, beta1=0.9):
        called.append(learning_rate)

    with pytest.raises(ValueError, match=match):
        sliders(my_run, **ranges)
    assert not called


def needy(learning_rate, steps):
    return lines()


@pytest.mark.parametrize(
    ("function", "options", "match"),
    [
        (3, {"k": (0, 1)}, "^function must be a function, got 3$"),
        (needy, {"steps": (0, 1)}, "^learning_rate of needy must be given a range, got none$"),
        (lambda k, /: k, {"k": (0, 1)}, r"^k is no argument of <lambda>, got \(0, 1\) for it$"),
        (dict.fromkeys, {"axes": True}, "^ranges must name|^function must have a signature"),
        (lambda *, k: k, {"k": (0, 1), "axes": True}, "^function must take axes first, got <lamb"),
        (lambda k: k, {"k": (0, 1), "landscape": "bowl"}, "^landscape must be .* got 'bowl'$"),
        (lambda k: k, {"k": (0, 1), "landscape": quadratic(d=3)}, "^landscape must be .*two dim"),
        (lambda a, k: k, {"k": (0, 1), "landscape": bowl, "axes": True}, "^landscape must not be"),
    ],
)
def test_what_cannot_be_called_with_sliders_is_refused(function, options, match):
    with pytest.raises(ValueError, match=match):
        sliders(function, **options)


# ------------------------------------------------------------------------ moves


def test_a_move_calls_the_function_with_the_value_and_changes_the_picture():
    calls = []

    def run(learning_rate=0.1, beta1=0.9):
        calls.append((learning_rate, beta1))
        return my_run(learning_rate, beta1)

    widget = sliders(run, landscape=rosenbrock, learning_rate=(1e-4, 1), beta1=(0, 0.999))
    before = widget.picture.value
    widget.sliders["learning_rate"].value = 0.095
    widget.sliders["beta1"].value = 0.911
    assert calls == [(0.1, 0.9), (0.095, 0.9), (0.095, 0.911)]
    assert widget.picture.value != before
    assert widget.values == {"learning_rate": 0.095, "beta1": 0.911}
    assert repr(widget.result.optimizer) == repr(Adam(0.095, 0.911))
    assert "learning_rate = 0.095, beta1 = 0.911; last loss: " in widget.readout.value
    widget.sliders["learning_rate"].value = 0.1
    widget.sliders["beta1"].value = 0.9
    assert widget.picture.value == before, "the same values make the same picture"


def test_a_line_that_fits_the_axes_is_drawn_over_the_kept_background(builds):
    widget = sliders(lines, level=(0.5, 2.0))
    first = pixels(widget)
    widget.sliders["level"].value = 0.8
    assert len(builds) == 1
    assert (pixels(widget) != first).any()
    fresh = sliders(lines, level=(0.5, 2.0)).picture.value
    widget.sliders["level"].value = 1.0
    assert widget.picture.value == fresh, "nothing of the other line is left"


def limits(widget):
    axes = widget._drawing.figure.axes[-1]
    return axes.get_xlim(), axes.get_ylim()


def test_a_run_that_leaves_the_axes_gets_larger_ones(builds):
    widget = sliders(lines, level=(0.5, 2.0))
    (left, right), (bottom, top) = limits(widget)
    assert left < 0 < 9 < right
    assert bottom < 1 < 10 < top
    widget.sliders["level"].value = 1.5
    assert len(builds) == 2
    assert limits(widget)[1][0] <= bottom
    assert limits(widget)[1][1] > 15
    widget.sliders["level"].value = 1.7
    assert len(builds) == 2, "there is room to spare"
    widget.sliders["level"].value = 1.0
    assert len(builds) == 2


def test_a_run_that_is_lost_in_the_axes_gets_its_own():
    widget = sliders(lines, level=(1, 1000))
    assert widget.values == {"level": 1}
    widget.sliders["level"].value = 1000
    assert limits(widget)[1][1] > 10_000
    widget.sliders["level"].value = 1
    assert 10 < limits(widget)[1][1] < 20


def test_more_steps_get_a_longer_axis():
    widget = sliders(lambda steps: np.arange(steps + 1), steps=(0, 300, 20))
    assert 20 < limits(widget)[0][1] < 25
    widget.sliders["steps"].value = 30
    assert 30 < limits(widget)[0][1] < 40
    widget.sliders["steps"].value = 300
    assert limits(widget)[0][1] > 300
    widget.sliders["steps"].value = 0
    assert widget.message.value == ""


def test_a_logarithmic_axis_gives_way_to_what_is_below_zero():
    widget = sliders(lambda sign: np.array([1.0, 1e4, sign]), sign=[-1, 1, 2])
    assert scale(widget) == "log"
    widget.sliders["sign"].value = -1
    assert scale(widget) == "linear"
    assert limits(widget)[1][0] < -1
    assert widget.message.value == ""


def test_other_names_are_other_lines(builds):
    widget = sliders(lambda names: {name: lines() for name in names}, names=["a", "b", "abc"])
    assert list(drawn(widget)) == ["a"]
    before = widget.picture.value
    widget.sliders["names"].value = "b"
    assert list(drawn(widget)) == ["b"]
    assert widget.picture.value != before, "the legend has another name"
    widget.sliders["names"].value = "abc"
    assert list(drawn(widget)) == ["a", "b", "c"]
    assert len(builds) == 3


# ----------------------------------------------------------------------- errors


def fussy(level=1.0):
    if level > 1.5:
        raise TypeError("<b>too</b> & much")
    return lines(level)


def test_an_error_is_shown_escaped_with_its_line_and_the_last_good_picture_stays():
    widget = sliders(fussy, level=(0.5, 2.0))
    picture, readout = widget.picture.value, widget.readout.value
    widget.sliders["level"].value = 1.8
    message = widget.message.value
    assert 'role="alert"' in message
    assert "TypeError: &lt;b&gt;too&lt;/b&gt; &amp; much" in message
    line = fussy.__code__.co_firstlineno + 2
    code = "raise TypeError(&quot;&lt;b&gt;too&lt;/b&gt; &amp; much&quot;)"
    assert f"line {line}: <code>{code}</code>" in message
    assert (widget.picture.value, widget.readout.value) == (picture, readout)
    assert widget.values == {"level": 1.8}
    widget.sliders["level"].value = 1.0
    assert widget.message.value == ""
    assert widget.picture.value == picture


def test_the_line_is_the_readers_own_also_where_a_library_raised():
    def run(learning_rate):
        return minimize(rosenbrock, Adam(-learning_rate), steps=3)

    widget = sliders(run, learning_rate=(1e-4, 1))
    assert "ValueError: learning_rate must be finite and at least 0" in widget.message.value
    assert "<code>return minimize(rosenbrock, Adam(-learning_rate), steps=3)</code>" in (
        widget.message.value
    )


def helper(level):
    if level > 1.5:
        raise OverflowError("helpless")
    return lines(level)


def test_the_line_is_the_innermost_of_the_readers_own():
    widget = sliders(lambda level: helper(level), level=(0.5, 2.0, 1.8))
    line = helper.__code__.co_firstlineno + 2
    assert f"OverflowError: helpless<br>line {line}: <code>raise Over" in widget.message.value


def test_a_drawing_that_fails_spoils_none_that_follows():
    widget = sliders(lambda name: {name: lines()}, name=["good", r"$\bad$"])
    picture = widget.picture.value
    widget.sliders["name"].value = r"$\bad$"
    assert 'role="alert">ValueError: ' in widget.message.value
    assert widget.picture.value == picture
    widget.sliders["name"].value = "good"
    assert widget.message.value == ""
    assert widget.picture.value == picture


def test_an_error_at_the_start_leaves_sliders_to_move_and_a_blank_picture():
    widget = sliders(fussy, level=(0.5, 2.0, 1.8))
    assert "TypeError: " in widget.message.value
    assert (pixels(widget) == 255).all()
    widget.sliders["level"].value = 1.0
    assert widget.message.value == ""
    assert widget.picture.value == sliders(fussy, level=(0.5, 2.0)).picture.value


NAN = np.full((4, 2), np.nan)


@pytest.mark.parametrize(
    ("landscape", "value", "got"),
    [
        (rosenbrock, None, "got None"),
        (rosenbrock, "path", "got str"),
        (rosenbrock, np.ones((4, 3)), r"got shape (4, 3)"),
        (rosenbrock, np.ones(4), r"got shape (4,)"),
        (rosenbrock, NAN, "got what is not finite from its first step"),
        (rosenbrock, np.ones((0, 2)), "got no step at all"),
        (rosenbrock, {"bad": None}, "bad, must return an array"),
        (rosenbrock, {}, "at least one run, got {}"),
        (rosenbrock, [[1.0, 2.0], [3.0]], "got a ragged list"),
        (rosenbrock, replay(Adam(), [1.0, 2.0]), "got shape (3,)"),
        (rosenbrock, minimize(bowl, Adam([[0.1], [0.2]]), steps=3), "got shape (4, 2, 2)"),
        (None, None, "got None"),
        (None, np.ones((4, 2)), "got shape (4, 2)"),
        (None, NAN[:, 0], "got what is not finite from its first step"),
        (None, np.ones(3) * 1j, "got ndarray"),
        (None, replay(Adam(), np.ones((3, 2))), "got None"),
    ],
)
def test_what_cannot_be_drawn_is_said_and_the_last_good_picture_stays(landscape, value, got):
    good = my_run()

    def run(bad):
        return value if bad else good

    widget = sliders(run, landscape=landscape, bad=False)
    picture = widget.picture.value
    widget.sliders["bad"].value = True
    message = widget.message.value
    assert message.startswith('<p role="alert">ValueError: run')
    assert got in message.replace("&#x27;", "'")
    assert "line " not in message, "no line of the reader's raised it"
    assert widget.picture.value == picture
    widget.sliders["bad"].value = False
    assert widget.message.value == ""
    assert widget.picture.value == picture


def test_an_interrupt_is_not_swallowed():
    def run(k):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sliders(run, k=(0, 1))


def test_a_warning_is_not_printed():
    def run(k):
        warnings.warn("careful", stacklevel=1)
        return lines() + np.log(np.zeros(1)) * 0 if k > 1 else lines()

    widget = sliders(run, k=(0, 2, 0))
    assert widget.message.value == ""
    widget.sliders["k"].value = 2
    assert "not finite from its first step" in widget.message.value


# ------------------------------------------------------------------- divergence


def test_a_run_that_diverges_is_cut_off_and_its_step_is_said():
    def descend(learning_rate):
        return minimize(rosenbrock, GradientDescent(learning_rate), steps=50)

    widget = sliders(descend, landscape=rosenbrock, learning_rate=(1e-4, 1.0, 1e-3))
    assert widget.message.value == ""
    before = widget.picture.value
    widget.sliders["learning_rate"].value = 0.1
    step = widget.result.diverged_at
    assert step > 0
    assert widget.message.value == f'<p role="status">diverged at step {step}</p>'
    assert all(np.isfinite(line).all() for line in drawn(widget)[""])
    assert len(drawn(widget)[""][1]) == step
    assert widget.picture.value != before
    widget.sliders["learning_rate"].value = 1e-3
    assert widget.message.value == ""


def test_places_that_are_not_finite_are_cut_off():
    places = np.array([[1.0, 1.0], [2.0, 2.0], [np.inf, 2.0], [0.0, 0.0]])
    widget = sliders(lambda k: {"a": places, "b": places[:2]}, landscape=bowl, k=(0, 1))
    assert "a diverged at step 2<" in widget.message.value
    assert [len(artists[1]) for artists in drawn(widget).values()] == [2, 2]


def test_a_run_whose_gradient_fails_has_diverged_where_the_landscape_is_still_finite():
    def descend(learning_rate):
        optimizer = GradientDescent(learning_rate)
        return minimize(bowl, optimizer, (4, 3), 9, gradient=lambda x: np.sqrt(x - 2))

    widget = sliders(descend, landscape=bowl, learning_rate=(0.1, 10, 1))
    step = widget.result.diverged_at
    assert step > 0
    assert np.isfinite(bowl(widget.result.x)).all()
    assert f"diverged at step {step}<" in widget.message.value


def test_a_loss_that_overflows_is_a_divergence_too():
    places = np.array([[1.0, 1.0], [1e200, 1.0]])
    widget = sliders(lambda k: places, landscape=bowl, k=(0, 1))
    assert "diverged at step 1" in widget.message.value


def test_values_that_are_not_finite_are_cut_off():
    widget = sliders(lambda k: [1.0, 2.0, np.nan, 3.0], k=(0, 1))
    assert "diverged at step 2" in widget.message.value
    assert drawn(widget)[""][0].tolist() == [[0, 1], [1, 2]]


def test_one_run_that_diverges_does_not_flatten_the_others():
    def race(learning_rate):
        return {
            "a": minimize(rosenbrock, GradientDescent(learning_rate), steps=50),
            "b": minimize(rosenbrock, Adam(learning_rate), steps=50),
        }

    widget = sliders(race, landscape=rosenbrock, learning_rate=(1e-4, 1.0, 0.1))
    assert widget.result["a"].loss[-2] > 1e20
    assert limits(widget)[1][1] < 1e10


@pytest.mark.parametrize("values", [[1.0, -1.7e308, 1.7e308], [1e-308, 1e308], [5e-324, 1.0]])
def test_the_largest_numbers_can_be_drawn(values):
    widget = sliders(lambda k: values, k=(0, 1))
    assert widget.message.value == ""


# -------------------------------------------------------------- what is displayed


def test_the_repr_is_short_and_the_same_each_time():
    widget = sliders(my_run, learning_rate=(1e-4, 1), beta1=(0, 0.999))
    assert repr(widget) == "Sliders(my_run, learning_rate=0.1, beta1=0.9)"
    widget.sliders["learning_rate"].value = 0.0234567
    assert repr(widget) == "Sliders(my_run, learning_rate=0.0235, beta1=0.9)"

    class Unnamed:
        def __call__(self, rule, nesterov, steps):
            return lines()

    choices = [Unnamed(), Adam, my_run]
    widget = sliders(Unnamed(), rule=choices, nesterov=False, steps=(1, 5))
    assert repr(widget) == "Sliders(Unnamed, rule=Unnamed, nesterov=False, steps=3)"


def test_a_page_without_a_kernel_gets_a_paragraph_and_the_picture():
    widget = sliders(my_run, landscape=rosenbrock, learning_rate=(1e-4, 1), beta1=(0, 0.999))
    bundle = widget._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {
        "application/vnd.jupyter.widget-view+json", "text/plain", "text/html", "image/png",
    }  # fmt: skip
    assert bundle["text/plain"] == repr(widget)
    assert bundle["text/html"] == (
        '<p class="adam-sliders">These sliders work on your own Python function and need a kernel: '
        "open this chapter in JupyterLab (<code>make lab</code>) and run this cell. "
        "They stand at learning_rate = 0.1, beta1 = 0.9.</p>"
    )
    assert base64.b64decode(bundle["image/png"]) == widget.picture.value
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == widget.model_id
    json.dumps(bundle)


def test_a_choice_cannot_write_html():
    widget = sliders(lambda word: lines(), word=["<script>", "b"])
    assert "word = &lt;script&gt;" in widget.readout.value
    assert "word = &lt;script&gt;." in widget._repr_mimebundle_()["text/html"]


def test_two_sliders_of_the_same_have_the_same_picture():
    one, other = (sliders(lines, level=(0.5, 2.0)).picture.value for _ in range(2))
    assert one == other
