"""Every page as axe judges it, wide and light, narrow and dark; and what axe cannot see."""

from itertools import pairwise

import pytest
from axe_playwright_python.sync_playwright import Axe
from built import HTML, pages

PAGES = [page.relative_to(HTML).as_posix() for page in pages()]
LOOKS = [pytest.param(1280, False, id="wide, light"), pytest.param(390, True, id="narrow, dark")]


@pytest.mark.parametrize(("width", "dark"), LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(visit, served, name, width, dark):
    page = visit(f"{served}/{name}", width=width, dark=dark).page
    page.wait_for_load_state("networkidle")
    results = Axe().run(page, options={"resultTypes": ["violations"]})  # the others in short
    assert results.violations_count == 0, results.generate_report()
    assert len(results.response["passes"]) > 15


@pytest.mark.parametrize("name", PAGES)
def test_headings_go_down_one_step_at_a_time(visit, served, name):
    page = visit(f"{served}/{name}").page
    levels = page.evaluate(
        "() => [...document.querySelectorAll('article :is(h1, h2, h3, h4, h5, h6)')]"
        ".map(heading => Number(heading.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_what_scrolls_sideways_is_reached_by_keyboard_only_where_it_does(visit, served):
    page = visit(f"{served}/book/04_hyperparameters.html", width=390).page
    reached = "() => document.querySelectorAll('article [data-reached]').length"
    page.wait_for_load_state("networkidle")
    assert page.evaluate(reached) > 0
    page.set_viewport_size({"width": 2000, "height": 900})
    page.wait_for_function(f"() => ({reached})() < 3")


def test_the_first_key_leads_past_the_navigation(visit, served):
    page = visit(f"{served}/book/02_algorithm.html").page
    page.keyboard.press("Tab")
    focused = page.evaluate("() => document.activeElement.textContent.trim()")
    assert focused == "Skip to main content"
    page.keyboard.press("Enter")
    assert page.evaluate("() => location.hash") == "#main-content"
