"""A claim that does not hold stops the notebook, and one that holds reads like a sentence."""

import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

import adam_course
from adam_course import ClaimError, claim, claims_about
from adam_course.claims import Claim, claims_of


def fails(sentence, *args, **options):
    """Assert that a claim does not hold; its message."""
    with pytest.raises(ClaimError) as error:
        claim(sentence, *args, **options)
    return str(error.value)


def said(capsys, *args, **options):
    """Assert that a claim holds; what it prints."""
    assert claim(*args, **options) is None
    out, err = capsys.readouterr()
    assert err == ""
    return out


# --------------------------------------------------------------- one number


@pytest.mark.parametrize(
    ("measured", "expected"),
    [(4, 4), (4.0, 4), (0.5, 0.5), (np.float32(0.5), 0.5), (np.int64(3), 3), (-0.0, 0.0)],
)
def test_equal_numbers_hold(measured, expected, capsys):
    assert "exactly" in said(capsys, "It is {}", measured, expected)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [(5, 4), (0.1 + 0.2, 0.3), (np.nextafter(1, 2), 1.0), (1e-300, 0.0), (-1, 1)],
)
def test_without_a_tolerance_numbers_must_be_equal(measured, expected):
    assert "(exactly)" in fails("It is {}", measured, expected)


def test_without_a_tolerance_large_whole_numbers_must_be_equal():
    fails("It is {}", 2**53 + 1, 2**53)


# Numbers that floats hold exactly, so that the edge of the tolerance is exact too.
@pytest.mark.parametrize("off", [1, -1])
def test_an_absolute_tolerance_holds_to_its_edge(off, capsys):
    assert "± 0.25" in said(capsys, "It is {}", 8 + 0.25 * off, 8.0, abs=0.25)
    assert "± 0.25" in fails("It is {}", 8 + 0.2500001 * off, 8.0, abs=0.25)


@pytest.mark.parametrize("expected", [8.0, -8.0])
@pytest.mark.parametrize("off", [1, -1])
def test_a_relative_tolerance_is_of_the_expected_value(off, expected, capsys):
    # Of the expected, not of the measured value: 10 is off by a quarter of 8, not of 10.
    assert "within 25 %" in said(capsys, "It is {}", expected + 2 * off, expected, rel=0.25)
    fails("It is {}", expected + 2.0001 * off, expected, rel=0.25)


def test_a_relative_tolerance_of_zero_is_nothing():
    fails("It is {}", 1e-12, 0.0, rel=0.5)


def test_of_two_tolerances_the_larger_one_counts_and_both_are_said(capsys):
    for measured in (10.0, 8.5):
        line = said(capsys, "It is {}", measured, 8.0, rel=0.25, abs=0.5)
        assert "within 25 % or ± 0.5" in line
    said(capsys, "It is {}", 0.5, 0.0, rel=0.25, abs=0.5)
    fails("It is {}", 10.5, 8.0, rel=0.25, abs=0.5)  # and not their sum


@pytest.mark.parametrize(
    "arguments",
    [
        {"expected": 1.0},
        {"expected": 1.0, "rel": 1e9},
        {"expected": 1.0, "abs": 1e300},
        {"expected": float("nan")},
        {"expected": float("inf"), "abs": 1.0},
        {"at_least": -1e300},
        {"at_most": 1e300},
        {"at_least": -1e300, "at_most": 1e300},
    ],
    ids=repr,
)
def test_nan_never_holds(arguments):
    assert "measured nan" in fails("It is fine", float("nan"), **arguments)
    assert "nan" in fails("It is fine", np.array([1.0, np.nan]), **arguments)


def test_infinity_is_itself_and_within_no_tolerance(capsys):
    said(capsys, "It is {}", float("inf"), float("inf"))
    fails("It is {}", float("inf"), float("-inf"))
    fails("It is {}", float("inf"), 1.0, abs=1e300, rel=1e9)


@pytest.mark.parametrize("rel", [0.1, 1.0])
def test_a_finite_number_is_not_within_a_tolerance_of_infinity(rel):
    fails("It is {}", 1.0, float("inf"), rel=rel)


# -------------------------------------------------------------------- bounds


def test_bounds_hold_to_their_edge(capsys):
    assert "[at least 3;" in said(capsys, "At least {}", 3, at_least=3)
    assert "[at most 3;" in said(capsys, "At most {}", 3, at_most=3)
    fails("At least {}", np.nextafter(3, 0), at_least=3)
    fails("At most {}", np.nextafter(3, 4), at_most=3)


def test_both_bounds_at_once(capsys):
    line = said(capsys, "Between {} and {:.1f}", 5, at_least=3, at_most=7)
    assert line.startswith("✓ Between 3 and 7.0 [at least 3 and at most 7;")
    for outside in (2, 8):
        fails("Between {} and {}", outside, at_least=3, at_most=7)


def test_bounds_hold_for_every_entry(capsys):
    said(capsys, "All below {}", [1.0, 2.0, 3.0], at_most=3)
    message = fails("All below {}", np.array([1.0, 4.0]), at_most=3)
    assert message == "All below 3: measured [1.0, 4.0], expected 3 (at most 3)"
    fails("All above {}", [[1.0, 4.0], [-1.0, 0.0]], at_least=0)


def test_bounds_the_wrong_way_round_hold_for_nothing():
    fails("Between {} and {}", 5, at_least=7, at_most=3)


@pytest.mark.parametrize("bounds", [{"at_least": 0}, {"at_most": 0}, {"at_least": 0, "at_most": 1}])
def test_nothing_measured_holds_no_bound(bounds):
    fails("All of them", [], **bounds)


# ----------------------------------------------------------------- sequences


def test_sequences_hold_entry_by_entry_and_fill_the_fields_in_order(capsys):
    line = said(capsys, "{}, {} and {:.2f}", [1, 2.04, 3], [1, 2, 3], rel=0.03)
    assert line.startswith("✓ 1, 2 and 3.00 [within 3 %;")
    fails("{} {}", [1, 2.1], [1, 2], rel=0.03)
    said(capsys, "{} {}", np.array([1.0, 2.0]), (1, 2))


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ([1, 1], 1),
        (1, [1, 1]),
        ([1, 1], [1]),
        ([1, 1, 1], [1, 1]),
        ([[1, 1]], [1, 1]),
        ([], []),
        (np.ones((2, 1)), np.ones((1, 2))),
    ],
    ids=repr,
)
def test_shapes_must_be_equal_though_numpy_would_broadcast(measured, expected):
    fails("They agree", measured, expected, rel=0.5)


def test_a_table_holds_entry_by_entry(capsys):
    said(capsys, "The rows agree", [[1, 2], [3, 4]], [[1, 2], [3, 4]])
    fails("The rows agree", [[1, 2], [3, 5]], [[1, 2], [3, 4]])


@pytest.mark.parametrize("kind", [np.array, list])
def test_each_number_of_a_table_fills_a_field(kind, capsys):
    line = said(capsys, "{} {}, {} {}", [[1, 2], [3, 4]], kind([[1, 2], [3, 4]]))
    assert line.startswith("✓ 1 2, 3 4 [")


# --------------------------------------------------------------------- truths


def test_a_truth_needs_no_expected_value(capsys):
    assert said(capsys, "It is so", True) == "✓ It is so [exactly; measured here]\n"
    said(capsys, "It is so", np.bool_(True))
    said(capsys, "It is not so", False, False)
    assert fails("It is so", False) == "It is so: measured False, expected True (exactly)"
    fails("It is not so", True, False)


def test_words_are_compared_as_they_are(capsys):
    said(capsys, "The best is {}", "Adam", "Adam")
    fails("The best is {}", "Adam", "SGD")
    said(capsys, "From best to worst: {}, {}", ["Adam", "SGD"], ["Adam", "SGD"])


@pytest.mark.parametrize("measured", [1.0, 0, [True, True], "Adam", np.array([True])], ids=repr)
def test_there_must_be_something_to_hold(measured):
    with pytest.raises(ValueError, match="needs an expected value, at_least or at_most") as error:
        claim("It is so", measured)
    assert repr(measured) in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"expected": 1, "at_least": 0}, "an expected value or bounds, not both"),
        ({"expected": 1, "at_most": 2}, "an expected value or bounds, not both"),
        ({"expected": 1, "rel": -0.1}, "^rel must be at least 0, got -0.1"),
        ({"expected": 1, "abs": -1}, "^abs must be at least 0, got -1"),
        ({"expected": 1, "rel": float("nan")}, "^rel must be finite, got nan"),
        ({"expected": 1, "abs": float("inf")}, "^abs must be finite, got inf"),
        ({"at_least": float("nan")}, "^at_least must be finite, got nan"),
        ({"at_most": float("inf")}, "^at_most must be finite, got inf"),
    ],
    ids=repr,
)
def test_a_claim_that_could_not_fail_is_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        claim("It is fine", 1.0, **arguments)


@pytest.mark.parametrize("tolerance", [{"rel": 0.1}, {"abs": 0.1}], ids=repr)
def test_a_tolerance_that_would_not_be_used_is_refused(tolerance):
    with pytest.raises(ValueError, match=r"rel|abs"):
        claim("At least {}", 1.0, at_least=0.5, **tolerance)


# ------------------------------------------------------------- what is shown


def test_the_numbers_of_the_sentence_are_the_expected_ones(capsys):
    line = said(capsys, "It takes {:.1f} steps", 12.3456, 12.0, abs=1)
    assert line == "✓ It takes 12.0 steps [± 1; measured here]\n"
    assert "12.3" not in line


def test_no_digit_of_the_measured_value_is_shown(capsys):
    for measured in (1.23456789, 1.23456780):
        line = said(capsys, "About {:.2f}", measured, 1.2, rel=0.1, source="derived")
        assert line == "✓ About 1.20 [within 10 %; derived]\n"


def test_whole_numbers_stay_whole_beside_floats(capsys):
    assert said(capsys, "{} of {}", [3, 0.5], [3, 0.5]).startswith("✓ 3 of 0.5 ")
    assert said(capsys, "{}", np.int64(3), np.int64(3)).startswith("✓ 3 ")
    assert said(capsys, "{}", 0.5, np.float64(0.5)).startswith("✓ 0.5 ")
    assert said(capsys, "{}", 3, at_least=np.float64(2.5)).startswith("✓ 2.5 ")


def test_a_failed_claim_shows_both_values_in_full():
    assert fails("It is {:.1f}", np.float64(1.23456789), 1.2, rel=0.01) == (
        "It is 1.2: measured 1.23456789, expected 1.2 (within 1 %)"
    )
    assert fails("{} {}", np.array([1.0, 2.5]), (1, 2)) == (
        "1 2: measured [1.0, 2.5], expected [1, 2] (exactly)"
    )


@pytest.mark.parametrize(
    ("tolerances", "words"),
    [
        ({}, "exactly"),
        ({"rel": 1e-5}, "within 0.001 %"),
        ({"rel": 0.5}, "within 50 %"),
        ({"abs": 1e-12}, "± 1e-12"),
        ({"rel": 0.02, "abs": 3}, "within 2 % or ± 3"),
    ],
    ids=repr,
)
def test_the_tolerance_is_said_in_words(tolerances, words, capsys):
    assert f"[{words}; " in said(capsys, "It is {}", 1.0, 1.0, **tolerances)
    assert f"({words})" in fails("It is {}", 1e9, 1.0, **tolerances)


def test_the_source_is_said(capsys):
    line = said(capsys, "It is {}", 1, 1, source="Kingma & Ba (2015), eq. 3")
    assert line.endswith("; Kingma & Ba (2015), eq. 3]\n")


def test_a_claim_error_is_an_assertion_error():
    assert issubclass(ClaimError, AssertionError)


def test_the_sentence_is_escaped_in_html():
    held = Claim("a < b & <b>c</b>", 1.0, 1.0, "± 1 & <i>", "K&B <1>")
    html = held._repr_html_()
    assert "a &lt; b &amp; &lt;b&gt;c&lt;/b&gt;" in html
    assert "± 1 &amp; &lt;i&gt;" in html
    assert "K&amp;B &lt;1&gt;" in html
    assert re.findall(r"</?(?!div|span|small)\w+", html) == [], "no other elements"
    assert 'aria-label="holds"' in html
    assert "a < b" in str(held)


# -------------------------------------------------------------- in a notebook

CELLS = """
claim("a < b: about {:.1f}", 1.23456789, 1.2, rel=0.1, source="derived")
claim("Between {} and {}", 5, at_least=3, at_most=7)
claim("Two: {} {}", np.array([1/3, 2/3]), [0.33, 0.67], abs=0.01)
claim("It is so", np.bool_(True))
claim("It is {}", 2.0, 1.0)
claim("A table", np.array([[1/3]]), [[0.33]], abs=0.01)
claim("At least {}", float("inf"), at_least=1)
claims_about("a & b", here=False)
claim("3 < 4: {}", 5, 1)
"""

NOTEBOOK = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
shell.run_cell("import numpy as np\\nfrom adam_course import claim, claims_about")
cells = []
for source in json.loads(sys.argv[1]):
    with capture_output() as captured:
        result = shell.run_cell(source)
    cells.append({
        "outputs": [{"data": out.data, "metadata": out.metadata} for out in captured.outputs],
        "stdout": captured.stdout,
        "error": type(result.error_in_exec).__name__,
    })
print(json.dumps(cells))
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """What each of CELLS shows in a real IPython shell, which runs in a process of its own."""
    package = pathlib.Path(adam_course.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK, json.dumps(CELLS.strip().splitlines())],
        capture_output=True,
        text=True,
        check=True,
        cwd=package.parent,  # so that it imports the package that is tested here
        env=dict(os.environ, IPYTHONDIR=str(tmp_path_factory.mktemp("ipython"))),
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_in_a_notebook_a_claim_is_one_displayed_output(cells):
    for cell in cells[:4]:
        assert len(cell["outputs"]) == 1
        assert cell["stdout"] == ""
        assert set(cell["outputs"][0]["data"]) == {"text/plain", "text/html"}


def test_in_a_notebook_the_sentence_is_shown_in_text_and_in_escaped_html(cells):
    data = cells[0]["outputs"][0]["data"]
    assert data["text/plain"] == "✓ a < b: about 1.2 [within 10 %; derived]"
    assert "a &lt; b: about 1.2" in data["text/html"]
    assert "1.23" not in data["text/plain"] + data["text/html"]


def test_in_a_notebook_the_value_is_in_the_metadata_to_six_digits(cells):
    def recorded(cell):
        return cell["outputs"][0]["metadata"]["adam_course"]["claim"]

    assert recorded(cells[0]) == {
        "sentence": "a < b: about 1.2",
        "measured": 1.23457,
        "expected": 1.2,
        "tolerance": "within 10 %",
        "source": "derived",
    }
    assert recorded(cells[1])["measured"] == 5
    assert recorded(cells[1])["expected"] == [3, 7]
    assert recorded(cells[2])["measured"] == [0.333333, 0.666667]
    assert recorded(cells[3])["measured"] is True


def test_in_a_notebook_a_failed_claim_stops_the_cell_and_shows_nothing(cells):
    assert cells[4]["error"] == "ClaimError"
    assert cells[4]["outputs"] == []
    assert [cell["error"] for cell in cells[:4]] == ["NoneType"] * 4


def test_in_a_notebook_a_tables_values_are_rounded_too(cells):
    metadata = cells[5]["outputs"][0]["metadata"]["adam_course"]["claim"]
    assert metadata["measured"] == [[0.333333]]


def test_in_a_notebook_the_metadata_is_json(cells):
    json.dumps(cells[6]["outputs"][0]["metadata"], allow_nan=False)


def test_with_ipython_loaded_but_no_shell_a_claim_is_printed(capsys):
    import IPython

    assert IPython.get_ipython() is None
    assert said(capsys, "It is {}", 1, 1) == "✓ It is 1 [exactly; measured here]\n"


# ------------------------------------------------------------ about other data


@pytest.fixture
def elsewhere():
    """Claims said of something else than what is at hand, for one test."""
    claims_about("twelve tosses", here=False)
    yield
    claims_about("twelve tosses", here=True)


@pytest.mark.usefixtures("elsewhere")
def test_on_other_data_a_claim_that_holds_is_a_claim(capsys):
    assert said(capsys, "It is {}", 1, 1).startswith("✓ It is 1")


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("It is {}", 2, 1), "≠ It is 1 [said of twelve tosses; measured here: 2]\n"),
        (("It is so", False), "≠ It is so [said of twelve tosses; measured here: False]\n"),
        (("{}, {}", [1, 2], [3, 4]), "≠ 3, 4 [said of twelve tosses; measured here: [1, 2]]\n"),
    ],
)
def test_on_other_data_a_claim_that_does_not_hold_says_what_was_measured(arguments, line, capsys):
    assert said(capsys, *arguments) == line


@pytest.mark.usefixtures("elsewhere")
def test_on_other_data_a_claim_about_nothing_is_an_error_still():
    with pytest.raises(ValueError, match="needs an expected value"):
        claim("It is {}", 2)


@pytest.mark.usefixtures("elsewhere")
def test_back_on_the_data_that_are_meant_claims_stop_again():
    claims_about("twelve tosses", here=np.bool_(True))
    fails("It is {}", 2, 1)


def test_only_a_claim_that_holds_is_counted(cells):
    assert [list(out["metadata"]["adam_course"]) for out in cells[8]["outputs"]] == [["contrast"]]
    notebook = {"cells": cells}
    assert len(claims_of(notebook)) == 6
    html = cells[8]["outputs"][0]["data"]["text/html"]
    assert "3 &lt; 4: 1" in html
    assert "a &amp; b" in html


@pytest.mark.parametrize(
    ("what", "here", "named"),
    [("", True, "what .* ''"), (3, True, "what .* 3"), ("data", "no", "here .* 'no'")],
)
def test_what_and_here_are_checked(what, here, named):
    with pytest.raises(ValueError, match=named):
        claims_about(what, here)
