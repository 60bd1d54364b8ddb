"""The plots draw what they are given, where they are told, and show nothing by themselves."""

from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import AbstractMovieWriter, FuncAnimation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from PIL import Image

from adam_course import (
    LANDSCAPES,
    OPTIMIZERS,
    Adam,
    GradientDescent,
    Momentum,
    Nesterov,
    animate,
    bowl,
    himmelblau,
    label_line,
    minimize,
    plot_contour,
    plot_loss,
    plot_surface,
    plot_trajectory,
    plotting,
    replay,
    rosenbrock,
    style_of,
    use_style,
)


def drawable(**options):
    """A figure that nobody shows, and that can be drawn."""
    figure = Figure(**options)
    FigureCanvasAgg(figure)
    return figure


@pytest.fixture
def ax():
    return drawable().add_subplot()


@pytest.fixture
def ax3d():
    return drawable().add_subplot(projection="3d")


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


def test_a_rule_of_ones_own_looks_like_the_rule_that_it_is_derived_from(ax):
    class MyAdam(Adam):
        pass

    class MyNesterov(Nesterov):
        pass

    assert style_of(MyAdam) == style_of(MyAdam(0.1)) == style_of("Adam")
    assert style_of(MyNesterov()) == style_of("Nesterov") != style_of("Momentum")
    line = plot_loss(ax, minimize(rosenbrock, MyAdam(0.1), steps=5))
    assert line.get_color() == style_of("Adam")["color"]
    with pytest.raises(ValueError, match=r"^rule must be one of .* got 'int'"):
        style_of(3)


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
def test_bad_ranges_are_refused_by_name(ax, ax3d, ranges, match):
    for plot, axes in ((plot_contour, ax), (plot_surface, ax3d)):
        with pytest.raises(ValueError, match=match):
            plot(axes, lambda p: p[..., 0], **ranges)
        assert not axes.collections


# -------------------------------------------------------------------- surfaces


def faces(surface, points):
    """The mean height of each face of a surface, by row (along y) and column (along x)."""
    return np.asarray(surface.get_array()).reshape(points - 1, points - 1)


def mean_of_corners(heights):
    return (heights[:-1, :-1] + heights[1:, :-1] + heights[:-1, 1:] + heights[1:, 1:]) / 4


@pytest.mark.parametrize("landscape", LANDSCAPES.values(), ids=LANDSCAPES)
def test_a_surface_is_as_high_as_its_landscape_over_all_of_its_window(ax3d, landscape):
    surface = plot_surface(ax3d, landscape, points=21)
    assert surface in ax3d.collections
    rows = [
        [landscape((x, y)) for x in np.linspace(*landscape.window[0], 21)]
        for y in np.linspace(*landscape.window[1], 21)
    ]
    np.testing.assert_allclose(faces(surface, 21), mean_of_corners(np.array(rows)), rtol=1e-12)
    np.testing.assert_allclose(ax3d.get_xlim(), landscape.window[0])
    np.testing.assert_allclose(ax3d.get_ylim(), landscape.window[1])
    stars = [line.get_data_3d() for line in ax3d.lines if line.get_marker() == "*"]
    expected = [(*point, landscape.minimum) for point in landscape.minima]
    np.testing.assert_allclose(np.squeeze(stars, axis=-1), expected, atol=1e-12)
    ax3d.figure.canvas.draw()


def test_no_point_of_the_grid_is_left_out_of_a_surface(ax3d):
    # Matplotlib's own default keeps 50 in each direction.
    assert plot_surface(ax3d, bowl).get_array().size == 60 * 60
    assert plot_surface(ax3d, bowl, points=81).get_array().size == 80 * 80


def test_a_surface_has_x_across_and_y_up_and_says_what_its_height_is(ax3d):
    surface = plot_surface(ax3d, lambda p: p[..., 0], (0, 4), (0, 1), points=5)
    np.testing.assert_allclose(faces(surface, 5), np.tile([0.5, 1.5, 2.5, 3.5], (4, 1)))
    labels = ax3d.get_xlabel(), ax3d.get_ylabel(), ax3d.get_zlabel()
    assert labels == ("x", "y", "loss")
    assert not ax3d.lines, "nobody knows its minima"


def test_a_surface_may_be_drawn_at_another_height(ax3d):
    lifted = replace(bowl, value_of=lambda x: 7 + bowl.value_of(x))
    surface = plot_surface(ax3d, himmelblau, points=11, height=np.log1p)
    x, y = np.meshgrid(np.linspace(-5, 5, 11), np.linspace(-5, 5, 11))
    heights = np.log1p((x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2)
    np.testing.assert_allclose(faces(surface, 11), mean_of_corners(heights), rtol=1e-12)
    assert ax3d.get_zlabel() == "height"
    plot_surface(ax3d, lifted, points=11, height=np.log1p)
    *_, star = ax3d.lines
    np.testing.assert_allclose(np.ravel(star.get_data_3d()), [0, 0, np.log1p(7)], rtol=1e-12)


def test_a_style_of_ones_own_wins_on_a_surface(ax3d):
    surface = plot_surface(ax3d, bowl, points=5, cmap="viridis", alpha=0.5)
    assert surface.get_cmap().name == "viridis"
    assert surface.get_alpha() == 0.5


def test_a_surface_needs_axes_in_three_dimensions(ax):
    with pytest.raises(ValueError, match=r'^ax must be made with projection="3d", got <Axes: >'):
        plot_surface(ax, bowl)
    assert not ax.collections


def test_a_height_that_is_not_finite_is_refused_with_its_place(ax3d):
    # The grid meets the minimum, at which the logarithm is minus infinity.
    match = r"^height must be finite on the whole grid, got -inf at \(1, 1\)$"
    with pytest.raises(ValueError, match=match):
        plot_surface(ax3d, rosenbrock, (0, 2), (0, 2), points=5, height=np.log10)
    assert not ax3d.collections


def test_a_path_is_in_front_of_the_surface_also_where_that_would_hide_it(ax3d):
    def ridge(points):
        return np.exp(-(points[..., 1] ** 2))

    plot_surface(ax3d, ridge, (-3, 3), (-3, 3), points=21)
    ax3d.view_init(elev=5, azim=-90)
    without = pixels(ax3d.figure)
    behind = minimize(
        ridge, GradientDescent(0.0), (0.0, 2.5), steps=1, gradient=lambda x: np.zeros_like(x)
    )
    plot_trajectory(ax3d, behind, color="red", marker="o", markersize=20)
    red = (pixels(ax3d.figure) != without) & [False, True, True, False]
    assert red.any(axis=-1).sum() > 200


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


def test_in_three_dimensions_a_trajectory_lies_at_the_height_of_its_loss(ax3d, path):
    line = plot_trajectory(ax3d, path, every=3)
    np.testing.assert_array_equal(line.get_data_3d(), [*path.x.T, path.loss])
    assert line.get_markevery() == 3
    (ring,) = [other for other in ax3d.lines if other is not line]
    np.testing.assert_array_equal(np.ravel(ring.get_data_3d()), [*path.x[0], path.loss[0]])
    assert ring.get_markerfacecolor() == "none"
    assert ring.get_color() == line.get_color() == style_of("Adam")["color"]
    ax3d.figure.canvas.draw()


def test_a_trajectory_lies_on_its_surface(ax3d):
    path = minimize(himmelblau, Adam(0.3), steps=30)
    line = plot_trajectory(ax3d, path, height=np.log1p)
    np.testing.assert_array_equal(line.get_data_3d()[2], np.log1p(path.loss))
    np.testing.assert_allclose(line.get_data_3d()[2], np.log1p(himmelblau(path.x)), rtol=1e-12)


def test_steps_that_have_no_height_are_left_out(ax3d):
    exact = minimize(bowl, GradientDescent(0.5), steps=2)  # 0 from its first step
    heights = plot_trajectory(ax3d, exact, height=np.log10).get_data_3d()[2]
    assert np.isnan(heights).tolist() == [False, True, True]
    diverged = minimize(bowl, GradientDescent(1e200), steps=3)
    heights = plot_trajectory(ax3d, diverged).get_data_3d()[2]
    assert np.isnan(heights).tolist() == [False, True]
    ax3d.figure.canvas.draw()


def test_a_replay_has_no_height_and_a_plane_has_none(ax, ax3d, path):
    with pytest.raises(ValueError, match=r"^path must have a loss to be drawn in 3-D, got <Traj"):
        plot_trajectory(ax3d, replay(Adam(), np.ones((4, 2))))
    assert not ax3d.lines
    with pytest.raises(ValueError, match=r'^height needs axes with projection="3d", got <ufunc'):
        plot_trajectory(ax, path, height=np.log10)
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


# ----------------------------------------------------------------------- films


class Frames(AbstractMovieWriter):
    """A writer that keeps what the canvas shows, and what the lines hold, frame by frame."""

    def __init__(self, lines=()):
        super().__init__()
        self.pictures, self.places, self.held, self.lines = [], [], [], lines

    def setup(self, fig, outfile, dpi=None):
        super().setup(fig, outfile, dpi)

    def grab_frame(self, **options):
        self.pictures.append(pixels(self.fig))
        self.places.append([ax.get_position().bounds for ax in self.fig.axes])
        self.held.append([line.get_xydata().copy() for line in self.lines])

    def finish(self):
        pass


def frames_of(film, lines=()):
    writer = Frames(lines)
    film.save("none", writer=writer, dpi=60)
    return writer


@pytest.fixture(params=["none", "constrained"])
def scene(request):
    """A figure of two runs, on contours and as losses, and its lines."""
    figure = drawable(figsize=(5, 2.5), dpi=60, layout=request.param)
    left, right = figure.subplots(1, 2)
    plot_contour(left, rosenbrock, points=31)
    lines = {}
    for opt in (Adam(0.1), Momentum(1e-4)):
        run = minimize(rosenbrock, opt, steps=40)
        lines[plot_trajectory(left, run)] = run
        lines[plot_loss(right, run)] = run
    return figure, lines


def test_a_film_shows_each_line_up_to_the_step_of_the_frame(scene):
    figure, lines = scene
    complete = [line.get_xydata().copy() for line in lines]
    film = animate(figure, lines, frames=5)
    assert isinstance(film, FuncAnimation)
    assert list(film.new_frame_seq()) == [0, 10, 20, 30, 40]
    held = frames_of(film, list(lines)).held
    assert len(held) == 5
    for step, frame in zip((0, 10, 20, 30, 40), held):
        for data, whole in zip(frame, complete):
            np.testing.assert_array_equal(data, whole[: step + 1])


def test_the_last_frame_is_the_still_picture_and_no_other_is(scene):
    figure, lines = scene
    still = pixels(figure)
    written = frames_of(animate(figure, lines, frames=6)).pictures
    differences = [int((picture != still).sum()) for picture in written]
    assert differences[-1] == 0
    assert min(differences[:-1]) > 50
    # The lines alone move: nothing appears in a frame that is not in the still picture.
    ink = [(picture[..., :3].min(axis=-1) < 100).sum() for picture in written]
    assert ink == sorted(ink)


@pytest.mark.parametrize("default", [False, True])
def test_the_layout_is_worked_out_once_and_does_not_tremble(scene, default):
    figure, lines = scene
    constrained = figure.get_layout_engine() is not None
    as_made = figure.axes[1].get_position().bounds
    with mpl.rc_context({"figure.constrained_layout.use": default}):
        places = frames_of(animate(figure, lines, frames=4)).places
    assert places == [places[0]] * 4
    assert (places[0][1] != as_made) == constrained, "the layout was not worked out"


def test_what_is_not_animated_stays_as_it_is(scene):
    figure, lines = scene
    left, right = figure.axes
    grows = next(iter(lines))
    stay = [line for line in (*left.lines, *right.lines) if line is not grows]
    assert len(stay) == 6, "three more lines, two rings and a star"
    before = [line.get_xydata().copy() for line in stay]
    limits = [(ax.get_xlim(), ax.get_ylim()) for ax in figure.axes]
    for frame in frames_of(animate(figure, {grows: lines[grows]}, frames=3), stay).held:
        for data, whole in zip(frame, before):
            np.testing.assert_array_equal(data, whole)
    assert [(ax.get_xlim(), ax.get_ylim()) for ax in figure.axes] == limits


@pytest.mark.parametrize(
    ("steps", "frames", "expected"),
    [
        (3, 60, [0, 1, 2, 3]),
        (3, 4, [0, 1, 2, 3]),
        (100, 2, [0, 100]),
        (10, 4, [0, 3, 7, 10]),
        (0, 5, [0]),
    ],
)
def test_there_are_at_most_so_many_frames_from_the_start_to_the_end(ax, steps, frames, expected):
    path = minimize(rosenbrock, Adam(0.1), steps=steps)
    film = animate(ax.figure, {plot_trajectory(ax, path): path}, frames)
    assert list(film.new_frame_seq()) == expected
    assert len(frames_of(film).pictures) == len(expected)


def test_a_thinned_run_and_one_that_ends_early_keep_the_time_of_the_others(ax):
    long = minimize(rosenbrock, Adam(0.1), steps=40)
    thinned = minimize(rosenbrock, Adam(0.1), steps=40, record=15)  # rows 0, 15, 30, 40
    short = minimize(rosenbrock, Adam(0.1), steps=12)
    lines = {plot_trajectory(ax, path): path for path in (long, thinned, short)}
    held = frames_of(animate(ax.figure, lines, frames=5), list(lines)).held  # 0, 10, ... 40
    assert [[len(data) for data in frame] for frame in held] == [
        [1, 1, 1],
        [11, 1, 11],
        [21, 2, 13],
        [31, 3, 13],
        [41, 4, 13],
    ]


def test_a_path_on_a_surface_grows_too(ax3d):
    path = minimize(himmelblau, Adam(0.1), steps=8)
    plot_surface(ax3d, himmelblau, points=9)
    line = plot_trajectory(ax3d, path)
    still = pixels(ax3d.figure)
    heights = []

    class Heights(Frames):
        def grab_frame(self, **options):
            super().grab_frame(**options)
            heights.append(line.get_data_3d()[2].tolist())

    writer = Heights()
    dpi = ax3d.figure.dpi
    animate(ax3d.figure, {line: path}, frames=3).save("none", writer=writer, dpi=dpi)
    assert heights == [path.loss[: step + 1].tolist() for step in (0, 4, 8)]
    assert (writer.pictures[-1] == still).all()
    assert (writer.pictures[0] != still).any()


def test_a_film_is_saved_as_a_gif_that_ends_with_the_still_picture(scene, tmp_path):
    figure, lines = scene
    still = pixels(figure)[..., :3].astype(float)
    film = animate(figure, lines, frames=7, interval=80)
    with mpl.rc_context():
        use_style()  # its constrained layout is not for a figure that has none
        for name in ("once.gif", "again.gif"):  # a film that was saved can be saved again
            film.save(tmp_path / name, writer="pillow", dpi=60)
    with Image.open(tmp_path / "again.gif") as gif:
        assert gif.n_frames == 7
        assert gif.info["duration"] == 80
        pictures = []
        for number in range(gif.n_frames):
            gif.seek(number)
            pictures.append(np.asarray(gif.convert("RGB"), dtype=float))
    apart = [np.abs(picture - still).mean() for picture in pictures]
    assert apart[-1] < 0.4, "no more than a palette changes"
    assert apart == sorted(apart, reverse=True)
    assert apart[0] > 8 * apart[-1]


def test_a_film_that_was_played_in_part_is_saved_whole(scene):
    figure, lines = scene
    film = animate(figure, lines, frames=9)
    figure.canvas.draw()  # starts to play it
    for _ in range(3):
        for tick, arguments, options in film.event_source.callbacks:
            tick(*arguments, **options)
    drawn = [len(line.get_xdata()) for line in lines]
    assert drawn == [11, 11, 11, 11], "the third of nine frames"
    assert len(frames_of(film).pictures) == 9


def test_what_cannot_be_a_film_is_refused_by_name(ax, path):
    line = plot_trajectory(ax, path)
    figure = ax.figure
    other = plot_trajectory(Figure().add_subplot(), path)
    longer = minimize(rosenbrock, Adam(0.1), steps=21)
    for lines, match in (
        ({}, r"^lines must have at least one line with its path, got \{\}"),
        ({other: path}, r"^lines must be drawn in fig, got <matplotlib.*Line2D.* which is not$"),
        ({line: longer}, r"^lines must give each line the path .* got a line of 21 points with <"),
    ):
        with pytest.raises(ValueError, match=match):
            animate(figure, lines)
    for frames in (1, 0, -3, 2.0, True, None):
        with pytest.raises(
            ValueError, match=rf"^frames must be a whole .* at least 2, got {frames}"
        ):
            animate(figure, {line: path}, frames=frames)
    for interval in (0, -1.0, float("nan")):
        match = rf"^interval must be above 0 milliseconds, got {interval}"
        with pytest.raises(ValueError, match=match):
            animate(figure, {line: path}, interval=interval)


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
