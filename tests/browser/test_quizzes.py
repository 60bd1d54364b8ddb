"""Quizzes in a real browser: answered with the keyboard, explained, and scored on the spot."""

import pytest

PAGE = "book/02_algorithm.html"


@pytest.fixture
def page(visit, served):
    page = visit(f"{served}/{PAGE}").page
    page.evaluate("() => localStorage.clear()")
    page.reload()
    page.wait_for_selector(".adam-quiz")
    return page


def quiz(page, number=0):
    return page.locator(".adam-quiz").nth(number)


def state_of(page, number=0):
    return page.evaluate(
        """n => JSON.parse(
            document.querySelectorAll('[data-adam-widget=quiz]')[n].dataset.adamState)""",
        number,
    )


def answer(page, right, number=0):
    """Answer with the keyboard; the words of the explanation that should appear."""
    choices = state_of(page, number)["choices"]
    k = next(i for i, choice in enumerate(choices) if choice["right"] is right)
    radios = quiz(page, number).get_by_role("radio")
    radios.first.focus()
    page.keyboard.press("Space")
    for _ in range(k):
        page.keyboard.press("ArrowDown")
    assert radios.nth(k).is_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    return choices[k]["why"]


def test_nothing_is_given_away_before_an_answer(page):
    for choice in state_of(page)["choices"]:
        assert choice["why"] not in quiz(page).inner_text()
    assert quiz(page).get_by_role("button", name="Answer", exact=True).is_disabled()


@pytest.mark.parametrize(("right", "words"), [(True, "Right."), (False, "Not so.")])
def test_an_answer_is_explained_and_said_to_a_screen_reader(page, right, words):
    why = answer(page, right)
    verdict = quiz(page).get_by_role("status")
    assert verdict.inner_text() == f"{words} {why}"
    marked = quiz(page).locator("label[data-state]:not([data-state=''])")
    assert marked.get_attribute("data-state") == ("right" if right else "wrong")


def test_the_first_try_counts_and_the_page_remembers_it(page):
    count = page.locator(".adam-quiz").count()
    assert count >= 2
    answer(page, False)
    answer(page, True)
    answer(page, True, number=1)
    score = f"On this page: 1 of {count} right at the first try."
    for number in range(count):
        assert quiz(page, number).locator(".adam-score").inner_text() == score
    page.reload()
    page.wait_for_selector(".adam-quiz")
    assert quiz(page).locator(".adam-score").inner_text() == score


def test_what_is_remembered_can_be_forgotten(page):
    answer(page, True)
    quiz(page).get_by_role("button", name="Forget my answers").click()
    assert quiz(page).locator(".adam-score").inner_text() == ""
    kept = page.evaluate("() => Object.keys(localStorage)")
    assert not [key for key in kept if key.startswith("adam-quiz")]


def test_the_code_that_holds_the_answers_is_not_on_the_page(page):
    assert "Quiz(" not in page.locator("article").inner_text()


def test_a_page_that_may_not_remember_still_answers(visit, served):
    page = visit(f"{served}/{PAGE}").page
    page.evaluate(
        """() => { Storage.prototype.getItem = Storage.prototype.setItem =
                   () => { throw new Error('no'); }; }"""
    )
    why = answer(page, True)
    assert quiz(page).get_by_role("status").inner_text() == f"Right. {why}"
