"""The pictures of searches show every combination where it belongs, and what diverged as such."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm, to_rgba
from matplotlib.figure import Figure

from adam_course import (
    Adam,
    AdamTuner,
    Momentum,
    Sweep,
    Tuning,
    bowl,
    plot_sweep,
    plot_tuning,
    plotting,
    sweep,
)

RATES = 10.0 ** np.arange(-3, 0.3, 0.25)
BETAS = 1 - 10.0 ** np.arange(-2, 0.1, 0.25)


@pytest.fixture
def ax():
    return Figure().add_subplot()


@pytest.fixture(autouse=True)
def nothing_is_shown(monkeypatch):
    def shown(*args, **options):
        raise AssertionError("a plot was shown")

    monkeypatch.setattr(plt, "show", shown)
    monkeypatch.setattr(Figure, "show", shown)
    yield
    assert plt.get_fignums() == [], "a figure was made besides the one that was given"


def swept_over(loss, **axes):
    """A sweep with losses made by hand."""
    axes = axes or {"learning_rate": RATES, "momentum": BETAS}
    return Sweep(Momentum, axes, np.asarray(loss, dtype=float), steps=9)


def losses(fill=1.0, **some):
    loss = np.full((len(RATES), len(BETAS)), fill)
    for place, value in some.items():
        loss[tuple(map(int, place[1:].split("_")))] = value
    return loss


def star_of(ax):
    (star,) = (line for line in ax.lines if line.get_marker() == "*")
    return star


def pixels(ax):
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def at(ax, x, y):
    """The row and column of a pixel at a place of the axes, in what was drawn."""
    column, row = ax.transData.transform((x, y)).astype(int)
    return int(ax.figure.bbox.height) - 1 - row, column


# ---------------------------------------------------------------------- sweeps


def test_each_cell_has_the_colour_of_its_loss_where_its_hyperparameters_are(ax):
    rng = np.random.default_rng(0)
    swept = swept_over(10.0 ** rng.uniform(-6, 2, size=(len(RATES), len(BETAS))))
    mesh = plot_sweep(ax, swept)
    picture = pixels(ax)
    star = star_of(ax)
    for i, rate in enumerate(RATES):
        for j, beta in enumerate(BETAS):
            if swept.loss[i, j] == swept.loss.min():
                continue  # there is the star
            colour = picture[at(ax, rate, 1 - beta)] / 255
            np.testing.assert_allclose(colour, mesh.to_rgba(swept.loss[i, j]), atol=0.01)
    best = swept.best
    assert star.get_xydata().tolist() == [[best["learning_rate"], 1 - best["momentum"]]]


def test_the_first_hyperparameter_goes_along_x_and_a_beta_by_its_distance_from_one(ax):
    plot_sweep(ax, swept_over(losses()))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning_rate", "momentum")
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert not ax.xaxis.get_inverted()
    assert ax.yaxis.get_inverted(), "larger betas are further up"
    assert ax.yaxis.get_major_formatter()(0.001, 0) == "0.999"

    other = Figure().add_subplot()
    plot_sweep(other, swept_over(losses().T, momentum=BETAS, learning_rate=RATES))
    assert (other.get_xlabel(), other.get_ylabel()) == ("momentum", "learning_rate")
    assert other.xaxis.get_inverted()
    assert not other.yaxis.get_inverted()


def test_the_star_is_at_the_least_median_over_the_starts(ax):
    loss = np.full((len(RATES), len(BETAS), 3), 5.0)
    loss[2, 1] = [0.0, 6.0, 7.0]
    loss[3, 2] = [4.0, 4.0, math.inf]
    plot_sweep(ax, swept_over(loss))
    assert star_of(ax).get_xydata().tolist() == [[RATES[3], 1 - BETAS[2]]]


def test_the_colours_end_at_the_least_and_the_largest_finite_loss(ax):
    mesh = plot_sweep(ax, swept_over(losses(c0_0=1e-9, c1_1=300.0, c2_2=math.inf)))
    assert isinstance(mesh.norm, LogNorm)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (1e-9, 300.0)


def test_a_loss_of_zero_has_the_colour_of_the_least_that_is_told_apart(ax):
    mesh = plot_sweep(ax, swept_over(losses(c0_0=0.0)))
    assert mesh.norm.vmin == 1e-20
    assert mesh.get_array().min() == 1e-20
    assert star_of(ax).get_xydata().tolist() == [[RATES[0], 1 - BETAS[0]]]


def test_the_colours_can_be_told_where_to_end_and_what_is_beyond_has_the_last(ax):
    mesh = plot_sweep(ax, swept_over(losses(c0_0=1e-9, c1_1=300.0)), low=1e-3, high=10.0)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (1e-3, 10.0)
    assert (mesh.get_array().min(), mesh.get_array().max()) == (1e-3, 10.0)


def test_equal_losses_can_be_drawn(ax):
    mesh = plot_sweep(ax, swept_over(losses(2.0)))
    assert mesh.norm.vmin == 2.0 < mesh.norm.vmax
    pixels(ax)


def test_what_diverged_is_hatched_and_has_no_colour(ax):
    mesh = plot_sweep(ax, swept_over(losses(c9_3=math.inf)))
    hidden = np.ma.getmaskarray(mesh.get_array())
    assert hidden.sum() == 1
    assert hidden[3, 9]
    assert ax.patch.get_hatch()
    picture = pixels(ax)

    def colours_around(rate, beta):
        row, column = at(ax, rate, 1 - beta)
        cell = picture[row - 12 : row + 13, column - 8 : column + 9]
        return len(np.unique(cell.reshape(-1, 4), axis=0))

    assert colours_around(RATES[9], BETAS[3]) > 1
    assert colours_around(RATES[5], BETAS[3]) == 1


@pytest.mark.parametrize("step", [1.0, 0.5, 0.25])
def test_a_hyperparameter_is_in_the_middle_of_its_cell_on_its_scale(ax, step):
    # With means as edges the first cell of a coarse sweep begins below zero, off the axis.
    rates, betas = 10.0 ** np.arange(-3, 0.1, step), 1 - 10.0 ** np.arange(-3, -0.9, step)
    loss = np.ones((len(rates), len(betas)))
    mesh = plot_sweep(ax, swept_over(loss, learning_rate=rates, momentum=betas))
    corners = mesh.get_coordinates()
    for edges, places in ((corners[0, :, 0], rates), (corners[:, 0, 1], 1 - betas)):
        assert (edges > 0).all()
        middles = np.sqrt(edges[1:] * edges[:-1])
        np.testing.assert_allclose(middles, places, rtol=1e-6)
    low, high = ax.get_xlim()
    assert low < rates[0] / 10 ** (step / 3)
    assert high > rates[-1] * 10 ** (step / 3)


def test_a_real_sweep_is_drawn_with_its_colour_bar_and_style(ax):
    swept = sweep(bowl, steps=30, learning_rate=RATES, beta2=BETAS[:-1])
    mesh = plot_sweep(ax, swept, cmap="viridis")
    assert mesh.get_cmap().name == "viridis"
    assert mesh in ax.collections
    bar = ax.figure.colorbar(mesh, label="loss")
    pixels(ax)
    assert bar.ax.get_ylabel() == "loss"


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ({"learning_rate": RATES}, (13,)),
        ({"learning_rate": RATES, "beta1": BETAS, "beta2": BETAS[:2]}, (13, 9, 2)),
    ],
    ids=["one", "three"],
)
def test_a_sweep_over_another_number_of_hyperparameters_is_refused(ax, axes, shape):
    with pytest.raises(ValueError, match=r"^swept must be over two hyperparameters, got <Sweep"):
        plot_sweep(ax, Sweep(Adam, axes, np.ones(shape), 9))


def test_a_sweep_in_which_all_diverged_is_refused(ax):
    with pytest.raises(ValueError, match=r"^swept must have a finite loss, got <Sweep"):
        plot_sweep(ax, swept_over(losses(math.inf)))


# ----------------------------------------------------------------------- tuning


def tuning_of(*rows, searched=("learning_rate", "beta1")):
    """A search with trials made by hand: (seed, rate, beta1, score)."""
    trials = [
        {
            "seed": seed,
            "trial": k,
            "learning_rate": rate,
            "beta1": beta,
            "score": score,
            "held_out": 1.0,
            "status": "ok" if math.isfinite(score) else "no",
        }
        for k, (seed, rate, beta, score) in enumerate(rows)
    ]
    return Tuning(Adam, trials, searched)


TUNING = tuning_of(
    (0, 0.1, 0.9, 3.0),
    (0, 0.2, 0.99, 2.0),
    (0, 5.0, 0.5, math.inf),
    (1, 0.3, 0.0, 7.0),
    (1, 9.0, 0.6, math.nan),
)


def marks(ax, marker):
    return [
        point for line in ax.lines if line.get_marker() == marker for point in line.get_xydata()
    ]


def test_each_trial_is_a_dot_at_its_rate_and_score(ax):
    dots = plot_tuning(ax, TUNING)
    np.testing.assert_array_equal(dots.get_offsets(), [[0.1, 3.0], [0.2, 2.0], [0.3, 7.0]])
    assert dots in ax.collections
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning_rate", "score")
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert not ax.xaxis.get_inverted()


def test_a_beta_stands_at_its_distance_from_one(ax):
    dots = plot_tuning(ax, TUNING, "beta1")
    np.testing.assert_array_equal(dots.get_offsets()[:, 0], [1 - 0.9, 1 - 0.99, 1.0])
    assert ax.xaxis.get_inverted()
    assert ax.get_xlabel() == "beta1"
    assert ax.xaxis.get_major_formatter()(0.01, 0) == "0.99"
    assert [x for x, _ in marks(ax, "*")] == [1 - 0.99, 1.0]
    assert [x for x, _ in marks(ax, "x")] == [0.5, 0.4]


def test_trials_that_failed_or_diverged_are_crosses_at_the_upper_edge(ax):
    dots = plot_tuning(ax, TUNING)
    crosses = marks(ax, "x")
    assert [x for x, _ in crosses] == [5.0, 9.0]
    top = ax.get_ylim()[1]
    assert [y for _, y in crosses] == [top, top]
    assert top > dots.get_offsets()[:, 1].max()
    (line,) = (line for line in ax.lines if line.get_marker() == "x")
    assert to_rgba(line.get_color()) != tuple(dots.get_facecolor()[0])
    low, high = ax.get_xlim()
    assert low < 0.1
    assert high > 9.0


def test_the_best_of_each_seed_is_a_star(ax):
    plot_tuning(ax, TUNING)
    assert [star.tolist() for star in marks(ax, "*")] == [[0.2, 2.0], [0.3, 7.0]]


def test_a_score_of_zero_cannot_stand_on_the_axis_and_is_left_out(ax):
    dots = plot_tuning(ax, tuning_of((0, 0.1, 0.9, 0.0), (0, 0.2, 0.9, 1.0)))
    assert len(dots.get_offsets()) == 1
    assert marks(ax, "*") == marks(ax, "x") == []
    pixels(ax)


def test_a_search_in_which_all_failed_is_crosses_alone(ax):
    dots = plot_tuning(ax, tuning_of((0, 0.1, 0.9, math.nan), (1, 0.2, 0.9, math.inf)))
    assert len(dots.get_offsets()) == 0
    assert [x for x, _ in marks(ax, "x")] == [0.1, 0.2]
    assert marks(ax, "*") == []
    pixels(ax)


def test_a_real_search_is_drawn_by_any_name_that_was_searched():
    tuning = AdamTuner(bowl, {"learning_rate": (1e-3, 1.0), "beta1": [0.5, 0.9]}).tune(12, 20)
    for name in tuning.searched:
        ax = Figure().add_subplot()
        assert len(plot_tuning(ax, tuning, name).get_offsets()) == 12
        pixels(ax)


@pytest.mark.parametrize("name", ["beta2", "learning rate", "score"])
def test_a_name_that_was_not_searched_is_refused(ax, name):
    with pytest.raises(
        ValueError, match=f"^name must be one of learning_rate, beta1, got {name!r}"
    ):
        plot_tuning(ax, TUNING, name)


def test_the_colours_are_those_of_the_course(ax):
    dots = plot_tuning(ax, TUNING)
    used = {to_rgba(line.get_color()) for line in ax.lines} | {tuple(dots.get_facecolor()[0])}
    assert used <= {to_rgba(colour) for colour in (*plotting.COLOURS, plotting.INK)}
