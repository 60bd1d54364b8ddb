"""The comparison of figures tells a material change from another font rasteriser."""

import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from adam_course import label_line, use_style
from tools.figures import LIMIT, difference, materially_equal
from tools.outputs import claim_difference, picture_difference


def figure(
    height=1.0, line="--", colour="#D55E00", top=7.0, label="not corrected", marker=True,
    second=True, nudge=0.0, **settings,
):  # fmt: skip
    """A figure of the kind that the chapters have, as PNG."""
    with mpl.rc_context():
        use_style()
        mpl.rcParams.update(settings)
        drawing = Figure(figsize=(7.2, 3.6))
        ax = drawing.add_subplot()
        t = np.arange(1, 5001)
        curve = height * (1 - 0.9**t) / np.sqrt(1 - 0.999**t)
        (drawn,) = ax.plot(t, curve, linestyle=line, color=colour, label=label)
        label_line(ax, drawn, at=90, dx=6, dy=9 + nudge)
        if second:
            ax.plot(t, np.ones(t.size))
        if marker:
            ax.plot([100], [5], "o", markersize=4)
        ax.set(xscale="log", ylim=(0, top), xlabel="step t", ylabel="step length / learning rate")
        out = io.BytesIO()
        drawing.savefig(out, dpi=180, format="png", bbox_inches="tight")
        return out.getvalue()


REFERENCE = figure()

HANDWRITING = {
    "no hinting": {"text.hinting": "no_hinting"},
    "hinting by the font": {"text.hinting": "native"},
    "no automatic hinting": {"text.hinting": "no_autohint"},
    "no antialiasing of text": {"text.antialiased": False},
    "a word 0.4 points higher": {"nudge": 0.4},
    "letters half a per cent larger": {"font.size": 10.05},
}

MATERIAL = {
    "a curve one per cent higher": {"height": 1.01},
    "a curve ten per cent higher": {"height": 1.1},
    "the other sign": {"height": -1.0},
    "solid for dashed": {"line": "-"},
    "another colour": {"colour": "#007A5A"},
    "another limit of the axis": {"top": 7.1},
    "another letter": {"label": "not connected"},
    "one full stop more": {"label": "not corrected."},
    "one marker less": {"marker": False},
    "one curve less": {"second": False},
    "larger letters": {"font.size": 12},
}


@pytest.mark.parametrize("change", HANDWRITING.values(), ids=HANDWRITING.keys())
def test_another_rasteriser_is_not_material(change):
    other = figure(**change)
    assert difference(REFERENCE, other)[0] <= LIMIT


@pytest.mark.parametrize("change", MATERIAL.values(), ids=MATERIAL.keys())
def test_a_material_change_is_seen(change):
    same, words = materially_equal(REFERENCE, figure(**change))
    assert not same
    assert words


def test_the_same_file_is_equal():
    assert materially_equal(REFERENCE, REFERENCE) == (True, difference(REFERENCE, REFERENCE)[1])


def test_another_size_is_material():
    with mpl.rc_context():
        out = io.BytesIO()
        Figure(figsize=(3, 3)).savefig(out, format="png")
    same, words = materially_equal(REFERENCE, out.getvalue())
    assert not same
    assert "sizes" in words


def png_output(png):
    import base64

    return {"data": {"image/png": base64.b64encode(png).decode()}}


def claim_output(**changed):
    claim = {
        "sentence": "It is 3.16", "measured": 3.16228, "expected": 3.162,
        "tolerance": "within 0.1 %", "source": "derived",
    }  # fmt: skip
    return {"metadata": {"adam_course": {"claim": claim | changed}}}


def test_a_missing_picture_is_a_difference():
    one = [png_output(REFERENCE)]
    assert picture_difference(one, one) == ""
    assert "1 pictures stored, 0 computed" in picture_difference(one, [])
    assert "picture 1" in picture_difference(one, [png_output(figure(height=1.1))])


@pytest.mark.parametrize(
    "changed",
    [
        {"sentence": "It is 3.17"},
        {"expected": 3.163},
        {"tolerance": "within 1 %"},
        {"source": "measured here"},
        {"measured": 3.26228},
        {"measured": [3.16228, 1.0]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_changed_claim_is_a_difference(changed):
    assert claim_difference([claim_output()], [claim_output()]) == ""
    assert claim_difference([claim_output()], [claim_output(**changed)])
    assert claim_difference([claim_output()], [])


@pytest.mark.parametrize("bound", ["at least 3", "at most 4", "at least 3 and at most 4"])
def test_where_a_claim_states_bounds_a_run_may_end_anywhere_between_them(bound):
    one = claim_output(tolerance=bound)
    assert claim_difference([one], [claim_output(tolerance=bound, measured=3.7)]) == ""
    assert claim_difference([one], [claim_output(tolerance=bound, sentence="It is 3.7")])


def test_the_picture_of_the_readme_is_what_its_script_draws(tmp_path):
    from tools.picture import PICTURE, main

    main(tmp_path / "adam.png")
    same, words = materially_equal(PICTURE.read_bytes(), (tmp_path / "adam.png").read_bytes())
    assert same, words
