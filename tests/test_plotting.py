"""The plots draw what they are given, where they are told, and show nothing by themselves."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from adam_course import (
    LANDSCAPES,
    OPTIMIZERS,
    Adam,
    GradientDescent,
    Momentum,
    bowl,
    label_line,
    minimize,
    plot_contour,
    plot_loss,
    plot_trajectory,
    plotting,
    replay,
    rosenbrock,
    style_of,
    use_style,
)


@pytest.fixture
def ax():
    return Figure().add_subplot()


@pytest.fixture
def path():
    return minimize(rosenbrock, Adam(0.1), steps=20)


@pytest.fixture(autouse=True)
def nothing_is_shown(monkeypatch):
    def shown(*args, **options):
        raise AssertionError("a plot was shown")

    monkeypatch.setattr(plt, "show", shown)
    monkeypatch.setattr(Figure, "show", shown)
    yield
    assert plt.get_fignums() == [], "a figure was made besides the one that was given"


# --------------------------------------------------------------------- styles


def test_every_rule_has_a_style():
    assert set(plotting.STYLES) == set(OPTIMIZERS)
    for style in plotting.STYLES.values():
        assert set(style) == {"color", "linestyle", "marker"}


def test_no_two_rules_look_the_same():
    looks = [tuple(map(str, style.values())) for style in plotting.STYLES.values()]
    assert len(set(looks)) == len(looks)


def test_rules_of_one_colour_differ_in_line_so_that_a_line_alone_tells_them_apart():
    # plot_loss draws no markers.
    looks = [(style["color"], str(style["linestyle"])) for style in plotting.STYLES.values()]
    assert len(set(looks)) == len(looks)


def test_the_rules_that_most_figures_compare_differ_in_everything():
    story = ["Adam", "GradientDescent", "Momentum", "RMSProp", "AdaGrad"]
    for key in ("color", "linestyle", "marker"):
        assert len({str(plotting.STYLES[name][key]) for name in story}) == len(story)


def luminance(colour):
    """Relative luminance (WCAG 2.2, "relative luminance")."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return np.dot([0.2126, 0.7152, 0.0722], channels)


def test_every_colour_stands_out_from_white():
    # WCAG 2.2, 1.4.11: graphics need a contrast of at least 3 to 1.
    for colour in (*plotting.COLOURS, plotting.INK):
        assert 1.05 / (luminance(colour) + 0.05) >= 3, colour


@pytest.mark.parametrize("rule", [Adam, Adam(0.3), "Adam"], ids=["class", "optimizer", "name"])
def test_a_style_is_found_by_class_by_optimizer_and_by_name(rule):
    assert style_of(rule) == plotting.STYLES["Adam"]


def test_a_style_that_is_changed_is_ones_own():
    style_of("Adam")["color"] = "red"
    assert style_of("Adam")["color"] != "red"


@pytest.mark.parametrize("rule", ["SGD", int, 3.0])
def test_a_rule_without_a_style_is_refused(rule):
    with pytest.raises(ValueError, match=r"^rule must be one of .*Adam.* got '(SGD|int|float)'"):
        style_of(rule)


def test_use_style_sets_what_the_course_needs():
    with mpl.rc_context():
        mpl.rcdefaults()
        before = dict(mpl.rcParams)
        assert use_style() is None
        assert mpl.rcParams["axes.spines.top"] is False
        assert list(mpl.rcParams["axes.prop_cycle"].by_key()["color"]) == list(plotting.COLOURS)
        assert dict(mpl.rcParams) != before


# -------------------------------------------------------------------- contours


@pytest.mark.parametrize("landscape", LANDSCAPES.values(), ids=LANDSCAPES)
def test_contours_of_every_landscape_fill_its_window(ax, landscape):
    contours = plot_contour(ax, landscape, points=51)
    assert contours in ax.collections or set(contours.get_children()) <= set(ax.get_children())
    assert contours.axes is ax
    assert ax.get_xlim() == landscape.window[0]
    assert ax.get_ylim() == landscape.window[1]
    assert ax.get_aspect() == 1.0
    assert (np.diff(contours.levels) > 0).all()
    assert len(contours.levels) == 14
    assert contours.levels[0] > landscape.minimum
    assert any(len(path.vertices) for path in contours.get_paths())
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    assert [tuple(star.get_xydata()[0]) for star in stars] == list(landscape.minima)


def test_contours_lie_where_the_function_has_their_level(ax):
    contours = plot_contour(ax, bowl, levels=[1.0, 4.0], points=201)
    for level, path in zip((1.0, 4.0), contours.get_paths(), strict=True):
        # Linear interpolation on a grid of width h is off by up to h²/8 · f''.
        assert np.abs((path.vertices**2).sum(axis=1) - level).max() < (10 / 200) ** 2


def test_x_is_across_and_y_is_up(ax):
    contours = plot_contour(ax, lambda p: p[..., 0], (0, 4), (0, 1), levels=[1.0], points=11)
    np.testing.assert_allclose(contours.get_paths()[0].vertices[:, 0], 1.0)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_a_function_needs_ranges_and_a_landscape_may_be_given_others(ax):
    plot_contour(ax, lambda p: (p**2).sum(axis=-1), (-1, 1), (-2, 2), points=11)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 1), (-2, 2))
    assert not ax.lines, "nobody knows its minima"
    plot_contour(ax, rosenbrock, xrange=(0, 1), points=11)
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 1), rosenbrock.window[1])


def test_a_number_of_levels_is_kept_and_the_gaps_grow(ax):
    levels = plot_contour(ax, bowl, levels=6, points=41).levels
    assert len(levels) == 6
    assert (np.diff(levels, n=2) > 0).all()


@pytest.mark.parametrize(
    ("ranges", "match"),
    [
        ({}, "^xrange must be given, unless objective is a Landscape"),
        ({"xrange": (0, 1)}, "^yrange must be given"),
        ({"xrange": (1, 0), "yrange": (0, 1)}, r"^xrange must be \(low, high\) .* got \(1, 0\)"),
        ({"xrange": (0, 1), "yrange": (2, 2)}, r"^yrange must be .* got \(2, 2\)"),
        ({"xrange": (0, 1, 2), "yrange": (0, 1)}, r"^xrange must be .* got \(0, 1, 2\)"),
    ],
)
def test_bad_ranges_are_refused_by_name(ax, ranges, match):
    with pytest.raises(ValueError, match=match):
        plot_contour(ax, lambda p: p[..., 0], **ranges)
    assert not ax.collections


# ---------------------------------------------------------------- trajectories


def test_the_line_of_a_trajectory_is_the_way_it_took(ax, path):
    line = plot_trajectory(ax, path)
    assert isinstance(line, Line2D)
    assert line.axes is ax
    np.testing.assert_array_equal(line.get_xydata(), path.x)
    style = style_of("Adam")
    assert line.get_color() == style["color"]
    assert line.get_marker() == style["marker"]
    assert line.get_markevery() == 1


def test_a_ring_marks_the_start(ax, path):
    line = plot_trajectory(ax, path)
    (ring,) = [other for other in ax.lines if other is not line]
    np.testing.assert_array_equal(ring.get_xydata(), [path.x[0]])
    assert ring.get_markerfacecolor() == "none"
    assert ring.get_color() == line.get_color()


def test_a_style_of_ones_own_wins(ax, path):
    line = plot_trajectory(ax, path, every=5, color="red", label="mine", linestyle="--")
    assert line.get_color() == "red"
    assert line.get_label() == "mine"
    assert line.get_linestyle() == "--"
    assert line.get_markevery() == 5
    assert ax.lines[-1].get_color() == "red"


def test_runs_in_other_dimensions_and_many_runs_are_refused(ax):
    three = replay(Adam(), np.ones((4, 3)))
    many = minimize(bowl, Adam([[0.1], [0.2]]), steps=3)
    one = replay(Adam(), [1.0, 2.0])
    for path in (three, many, one):
        with pytest.raises(ValueError, match=r"^path must be one run in two dimensions, got x of"):
            plot_trajectory(ax, path)
    assert not ax.lines


# ---------------------------------------------------------------------- losses


def test_the_line_of_a_loss_is_the_loss_over_the_steps(ax, path):
    line = plot_loss(ax, path)
    np.testing.assert_array_equal(line.get_xdata(), path.t)
    np.testing.assert_array_equal(line.get_ydata(), path.loss)
    assert ax.get_yscale() == "log"
    assert line.get_linestyle() == style_of("Adam")["linestyle"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss")


def test_the_loss_of_a_thinned_run_is_drawn_at_its_steps(ax):
    path = minimize(rosenbrock, Momentum(1e-4), steps=20, record=7)
    assert plot_loss(ax, path, color="red").get_xdata().tolist() == [0, 7, 14, 20]


def test_what_a_logarithm_cannot_show_is_left_out(ax):
    exact = minimize(bowl, GradientDescent(0.5), steps=3)
    assert exact.loss[1:].tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(plot_loss(ax, exact).get_ydata()).tolist() == [False, True, True, True]
    diverged = minimize(bowl, GradientDescent(1e200), steps=3)
    assert np.isnan(plot_loss(ax, diverged).get_ydata()).tolist() == [False, True]
    ax.figure.canvas.draw()


def test_many_runs_and_replays_have_no_one_loss_to_draw(ax):
    for path in (minimize(bowl, Adam([[0.1], [0.2]]), steps=3), replay(Adam(), [1.0])):
        with pytest.raises(ValueError, match=r"^path must be one run with a loss, got <Trajectory"):
            plot_loss(ax, path)
    assert not ax.lines


# ---------------------------------------------------------------------- labels


def test_a_label_stands_at_the_end_of_its_line_in_its_colour(ax, path):
    line = plot_loss(ax, path, label="Adam, α = 0.1")
    label = label_line(ax, line)
    assert isinstance(label, Annotation)
    assert label.get_text() == "Adam, α = 0.1"
    assert label.xy == (path.t[-1], path.loss[-1])
    assert label.get_color() == line.get_color()
    other = label_line(ax, line, "start", at=0, dx=1, dy=2, color="red")
    assert (other.get_text(), other.xy) == ("start", (0, path.loss[0]))
    assert other.get_position() == (1, 2)
    assert other.get_color() == "red"


def test_a_whole_figure_can_be_drawn(path):
    # Laying out and rasterizing everything runs into what a list of artists does not show.
    figure, (left, right) = plt.subplots(1, 2)
    blank = pixels(figure)
    plot_contour(left, rosenbrock, points=41)
    label_line(left, plot_trajectory(left, path, label="Adam"))
    plot_loss(right, path)
    drawn = pixels(figure)
    plt.close(figure)
    assert (drawn != blank).mean() > 0.01


def pixels(figure):
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())
