"""The Python side of a quiz: what it takes, what it refuses, what it leaves on a page."""

import json

import pytest
from bs4 import BeautifulSoup

from adam_course.widgets import Quiz

CHOICES = [
    ("one rate", "m̂ is g, √v̂ is |g|."),
    ("as long as g", "That is gradient descent."),
    ("zero", "That takes a gradient of zero."),
]


def test_the_first_pair_is_the_right_one_wherever_it_is_shown():
    for question in ("How long?", "How long is it?", "And then?", "Why?"):
        quiz = Quiz(question, CHOICES)
        (right,) = [choice for choice in quiz.choices if choice["right"]]
        assert right == {"text": "one rate", "right": True, "why": CHOICES[0][1]}
        assert sorted(c["text"] for c in quiz.choices) == sorted(text for text, _ in CHOICES)


def test_the_right_one_is_not_always_the_first():
    places = {
        [c["right"] for c in Quiz(f"Question {k}?", CHOICES).choices].index(True) for k in range(9)
    }
    assert places == {0, 1, 2}


def test_the_order_is_the_same_each_time():
    assert Quiz("How long?", CHOICES).choices == Quiz("How long?", CHOICES).choices


def test_choices_may_say_themselves_which_is_right():
    said = [
        {"text": "a", "right": False, "why": "No."},
        {"text": "b", "right": True, "why": "Yes."},
    ]
    quiz = Quiz("Which?", said)
    assert sorted(c["text"] for c in quiz.choices) == ["a", "b"]
    assert [c["text"] for c in quiz.choices if c["right"]] == ["b"]
    said[0]["text"] = "changed"
    assert "changed" not in str(quiz.choices)


def test_it_leaves_its_question_on_a_page_with_and_without_a_script():
    quiz = Quiz("Is 1 < 2?", CHOICES)
    place = BeautifulSoup(quiz.to_html(), "html.parser").find(class_="adam-widget")
    assert place["data-adam-widget"] == "quiz"
    state = json.loads(place["data-adam-state"])
    assert state == {"question": "Is 1 < 2?", "choices": quiz.choices}
    text = place.get_text()
    assert "Is 1 < 2?" in text
    assert all(choice in text for choice, _ in CHOICES)
    assert "gradient descent" not in text  # the explanations are not given away


def test_it_says_what_it_is_without_an_address():
    assert repr(Quiz("How long?", CHOICES)) == "Quiz('How long?', 3 choices)"


@pytest.mark.parametrize(
    ("question", "choices", "match"),
    [
        ("", CHOICES, "^question must be a sentence, got ''"),
        (3, CHOICES, "^question must be a sentence, got 3"),
        ("Q?", CHOICES[:1], "^choices must be a list of 2 to 6"),
        ("Q?", "ab", "^choices must be a list of 2 to 6, got 'ab'"),
        ("Q?", [("a", "b"), "c"], r"^choices must be \(text, why\).* got 'c'"),
        ("Q?", [("a", "b"), ("c", "")], "^choices must have words as their why"),
        ("Q?", [("a", "b"), (" ", "d")], "^choices must have words as their text"),
        ("Q?", [("a", "b"), ("a", "d")], "^choices must differ"),
        (
            "Q?",
            [{"text": "a", "right": True, "why": "x"}, {"text": "b", "right": True, "why": "y"}],
            "^choices must have exactly one that is right",
        ),
        (
            "Q?",
            [{"text": "a", "right": False, "why": "x"}, {"text": "b", "right": False, "why": "y"}],
            "^choices must have exactly one that is right",
        ),
    ],
    ids=str,
)
def test_what_makes_no_quiz_is_refused(question, choices, match):
    with pytest.raises(ValueError, match=match):
        Quiz(question, choices)
