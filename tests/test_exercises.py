"""Exercises know the right answer, every known mistake, and when to stop."""

import re
import threading
import time

import nbformat
import numpy as np
import pytest

from adam_course.exercises import EXERCISES, check
from adam_course.exercises.checking import Exercise, Feedback, Mistake, checked
from adam_course.exercises.wrong_adams import HINTS
from adam_course.zoo import WRONG_ADAMS
from tools.notebooks import chapters

CHAPTERS = [path for path in chapters() if path.stem[:2].isdigit()]
COMPARED = {name: one for name, one in EXERCISES.items() if one.judge is None}

# ------------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", COMPARED)
def test_the_reference_is_right_and_quick(name):
    began = time.perf_counter()
    feedback = check(name, COMPARED[name].reference)
    assert feedback.right, feedback
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("name", COMPARED)
def test_every_known_mistake_gets_its_own_hint(name):
    exercise = COMPARED[name]
    assert len(exercise.mistakes) >= 2
    assert len({mistake.name for mistake in exercise.mistakes}) == len(exercise.mistakes)
    for mistake in exercise.mistakes:
        feedback = check(name, mistake.answer)
        assert not feedback.right, mistake.name
        assert feedback.mistake == mistake.name
        assert mistake.hint in feedback.message


@pytest.mark.parametrize("name", EXERCISES)
def test_says_that_it_is_open_until_something_is_written(name):
    def stub(*arguments, **options):
        """To be written."""

    def unwritten(*arguments, **options):
        raise NotImplementedError

    answers = [None, ...]
    if callable(EXERCISES[name].reference):
        answers += [stub, unwritten]
    for answer in answers:
        feedback = check(name, answer)
        assert (feedback.right, feedback.attempted) == (False, False)
        assert EXERCISES[name].task in feedback.message


@pytest.mark.parametrize("name", EXERCISES)
def test_has_a_task_and_hints_in_sentences(name):
    exercise = EXERCISES[name]
    assert re.fullmatch(r"\d\d-[a-z0-9-]+", name)
    assert exercise.task.endswith((".", "?"))
    for mistake in exercise.mistakes:
        assert len(mistake.hint) >= 25
        assert mistake.hint.endswith((".", "?"))


def test_names_are_said_once_and_unknown_ones_are_refused():
    with pytest.raises(ValueError, match=r"^name must be one of 02-.*, got '02-nothing'"):
        check("02-nothing", 1)
    with pytest.raises(ValueError, match=r"^name must be one of "):
        check("nothing")


def test_every_wrong_adam_of_the_zoo_has_a_hint_of_its_own():
    assert HINTS.keys() == WRONG_ADAMS.keys()
    assert len(set(HINTS.values())) == len(HINTS)


def test_the_exercises_that_ask_for_an_adam_know_the_whole_zoo():
    knowing = [
        name
        for name, exercise in EXERCISES.items()
        if WRONG_ADAMS.keys() <= {mistake.name for mistake in exercise.mistakes}
    ]
    assert len(knowing) >= 4
    assert len({name[:2] for name in knowing}) >= 3


# --------------------------------------------------------------- in the notebooks


JUDGED = [
    (name, mistake)
    for name, one in EXERCISES.items()
    if one.judge is not None
    for mistake in one.mistakes
    if getattr(mistake, "answer", None) is not None
]


@pytest.mark.parametrize(("name", "mistake"), JUDGED, ids=lambda part: getattr(part, "name", part))
def test_a_judge_knows_each_mistake_that_can_be_submitted(name, mistake):
    assert check(name, mistake.answer).mistake == mistake.name


def stored_checks():
    """name of exercise -> texts of the outputs of its checks, over all notebooks."""
    found = {}
    for path in CHAPTERS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type != "code":
                continue
            names = re.findall(r"^check\(\s*\"([^\"]+)\"", cell.source, flags=re.M)
            texts = [
                output.get("data", {}).get("text/plain", "")
                for output in cell.outputs
                if output.output_type in ("execute_result", "display_data")
            ]
            for name in names:
                assert name[:2] == path.stem[:2], f"{name} stands in {path.name}"
                found.setdefault(name, []).extend(texts)
    return found


def test_each_stands_in_its_chapter_open_and_then_solved():
    stored = stored_checks()
    assert stored.keys() == EXERCISES.keys()
    for name, texts in stored.items():
        assert any(text.startswith("– Not attempted yet.") for text in texts), name
        assert any(text.startswith("✓ Right") for text in texts), name
        assert not any(text.startswith("✗") for text in texts), f"{name} gives its answer away"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_has_exercises_with_a_check_and_quizzes(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    own = [name for name in EXERCISES if name[:2] == path.stem[:2]]
    assert len(own) >= 2
    quizzes = [source for source in code if re.search(r"^Quiz\(", source, flags=re.M)]
    assert 2 <= len(quizzes) <= 4
    for cell in cells:
        if cell.cell_type == "code" and cell.source in quizzes:
            assert "remove-input" in cell.metadata.tags, "its code would give the answer away"


# ------------------------------------------------------------------- the engine


def double(x):
    return 2 * x


DOUBLE = Exercise(
    name="00-double",
    task="Double it.",
    reference=double,
    examples=((0.0,), (1.0,), (np.array([1.0, -2.0]),), (1e300,)),
    mistakes=(
        Mistake("square", lambda x: x * x, "That is the square."),
        Mistake("as it is", lambda x: x, "That is the number itself."),
    ),
)


def test_a_right_answer_is_right_however_it_is_written():
    for answer in (double, lambda x: x + x, lambda x: (np.asarray(x) * 2).tolist()):
        assert checked(DOUBLE, answer) == Feedback(True, "Right, on all 4 examples.")


def test_the_smallest_example_that_fails_is_shown_with_the_hint():
    feedback = checked(DOUBLE, lambda x: x * x)
    assert feedback.mistake == "square"
    assert feedback.message == (
        "That is the square. Smallest example that fails: (1) gives 1, not 2."
    )


def test_a_mistake_is_recognised_by_all_examples_not_only_by_the_one_that_fails():
    # At 1 the square and the number itself are the same.
    assert checked(DOUBLE, lambda x: x).mistake == "as it is"


def test_an_unknown_mistake_still_gets_its_example():
    feedback = checked(DOUBLE, lambda x: 3 * x)
    assert (feedback.right, feedback.mistake) == (False, None)
    assert "(1) gives 3, not 2" in feedback.message


def test_an_error_is_told_with_its_words():
    feedback = checked(DOUBLE, lambda x: x.nothing)
    assert "gives AttributeError ('float' object has no attribute 'nothing')" in feedback.message


def test_an_answer_that_changes_its_arguments_is_told_so():
    def in_place(x):
        x *= 2
        return x

    feedback = checked(DOUBLE, in_place)
    assert not feedback.right
    assert feedback.mistake == "changes its arguments"
    assert "([1, -2])" in feedback.message


def test_an_example_is_fresh_for_every_call():
    def greedy(x):
        y = 2 * x
        if isinstance(x, np.ndarray):
            x[:] = 99
        return y

    assert checked(DOUBLE, greedy).mistake == "changes its arguments"
    assert checked(DOUBLE, double).right


@pytest.mark.parametrize("where", ["main thread", "another thread"])
def test_an_endless_loop_is_stopped(where):
    def endless(x):
        while True:
            x += 1

    said = []
    began = time.perf_counter()

    def run():
        said.append(checked(DOUBLE, endless, seconds=0.3))

    if where == "main thread":
        run()
    else:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert time.perf_counter() - began < 3
    assert "stopped after 0.3 seconds" in said[0].message
    assert not said[0].right


def test_a_loop_that_catches_everything_is_stopped_too():
    def stubborn(x):
        while True:
            try:
                x += 1
            except Exception:
                x = 0

    assert "stopped" in checked(DOUBLE, stubborn, seconds=0.3).message


def test_recursion_without_end_is_an_error_and_no_crash():
    def recursive(x):
        return recursive(x)

    assert "RecursionError" in checked(DOUBLE, recursive).message


def test_a_function_where_a_value_is_asked_for_and_the_other_way_round():
    number = Exercise("00-number", "Give it.", reference=0.25, rel=0.01)
    assert "must be a value" in checked(number, lambda: 0.25).message
    assert "must be a function" in checked(DOUBLE, 2.0).message
    assert checked(number, 0.2501).right
    assert not checked(number, 0.26).right
    assert checked(number, np.float32(0.25)).right
    assert not checked(number, "0.25").right


def test_known_wrong_values_get_their_hints():
    number = Exercise(
        "00-number", "Give it.", 0.25, mistakes=(Mistake("inverse", 4.0, "Upside down."),)
    )
    assert checked(number, 4.0) == Feedback(False, "Upside down.", mistake="inverse")
    assert checked(number, 5.0).message == "5 is not it."


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([1, 2], np.array([1.0, 2.0]), True),
        ((1, [2, 3]), [1, [2, 3]], True),
        ({"a": 1.0}, {"a": 1.0 + 1e-13}, True),
        ({"a": 1.0}, {"b": 1.0}, False),
        ([1, 2], [1, 2, 3], False),
        ([1.0], 1.0, False),
        (True, 1, False),
        ("a", "a", True),
        (float("nan"), float("nan"), True),
        (float("inf"), float("inf"), True),
        (float("inf"), 1e308, False),
        ([[1], [2, 3]], [[1], [2, 3]], True),
        (None, 0, False),
    ],
)
def test_what_counts_as_equal(one, other, same):
    exercise = Exercise("00-equal", "Give it.", reference=lambda: other, examples=((),))
    feedback = checked(exercise, lambda: one)
    if one is None:
        assert not feedback.attempted
    else:
        assert feedback.right is same


def test_a_judge_says_in_its_own_words_or_by_the_name_of_a_mistake():
    def judge(answer):
        if answer == 0:
            return "zero"
        if answer < 0:
            return "It is negative."
        return NotImplemented if answer == 7 else None

    exercise = Exercise(
        "00-judge", "Give it.", None, judge=judge, mistakes=(Mistake("zero", 0, "Not zero."),)
    )
    assert checked(exercise, 3).right
    assert checked(exercise, 0) == Feedback(False, "Not zero.", mistake="zero")
    assert checked(exercise, -1) == Feedback(False, "It is negative.")
    assert not checked(exercise, 7).attempted
    assert "TypeError" in checked(exercise, "a").message


def test_feedback_reads_the_same_as_text_and_as_html():
    for feedback, mark in (
        (Feedback(True, "a < b"), "✓"),
        (Feedback(False, "a < b"), "✗"),
        (Feedback(False, "a < b", attempted=False), "–"),
    ):
        assert repr(feedback) == f"{mark} a < b"
        assert "a &lt; b" in feedback._repr_html_()
        assert 'role="status"' in feedback._repr_html_()
