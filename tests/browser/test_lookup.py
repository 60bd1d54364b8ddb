"""Looking things up in a real browser: a term, its definition, the index and the search."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from built import HTML
from playwright.sync_api import expect

CHAPTER = "book/02_algorithm.html"
HALF_LIFE = "a.glossary-term[href$='#term-half-life']"


@pytest.fixture(params=["file", "http"])
def address(request, served):
    """A page's address: on disk, or served."""
    return lambda page: (HTML / page).as_uri() if request.param == "file" else f"{served}/{page}"


def test_a_term_says_what_it_means_and_leads_to_its_definition_by_keyboard(visit, address):
    page = visit(address(CHAPTER)).page
    term = page.locator(HALF_LIFE)
    expect(term).to_have_accessible_description(re.compile("^The number of steps after which"))
    term.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/book/glossary.html#term-half-life")
    expect(page.locator("#term-half-life")).to_be_in_viewport()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_term_is_bold_and_dotted_and_has_the_colour_of_the_text(visit, served, dark):
    page = visit(f"{served}/{CHAPTER}", dark=dark).page
    looks = page.locator(HALF_LIFE).evaluate(
        """link => {
            const of = node => getComputedStyle(node);
            return [of(link.querySelector('strong')).fontWeight >= 600,
                    of(link).textDecorationLine, of(link).textDecorationStyle,
                    of(link.querySelector('strong')).color === of(link.closest('p')).color];
        }"""
    )
    assert looks == [True, "underline", "dotted", True]


def test_the_index_leads_to_a_place_in_a_chapter(visit, address):
    page = visit(address("book/genindex.html"), width=390).page
    line = page.locator("ul.index-list > li", has=page.get_by_text("half-life", exact=True))
    line.get_by_role("link", name="13", exact=True).click()
    page.wait_for_url("**/book/13_momentum.html#*")
    place = page.locator(":target")
    expect(place).to_contain_text("the half-life of 0.9")
    expect(place).to_be_in_viewport()


def test_the_search_offers_the_definition_and_the_chapter(visit, address):
    """From disk it works as well, but cannot show an excerpt."""
    page = visit(address("search.html")).page
    box = page.locator("input[name=q]:visible").first
    box.fill("half-life")
    box.press("Enter")
    results = page.locator("ul.search > li > a")
    expect(results.nth(0)).to_have_attribute("href", "book/glossary.html#term-half-life")
    expect(results.nth(1)).to_have_attribute("href", re.compile(r"^book/02_algorithm\.html#"))
    results.nth(1).click()
    expect(page.locator(":target")).to_contain_text("half-life")


@pytest.mark.parametrize(("dark", "width"), [(False, 390), (True, 1280)])
@pytest.mark.parametrize("name", ["glossary", "genindex"])
def test_axe_finds_nothing(visit, served, name, dark, width):
    page = visit(f"{served}/book/{name}.html", dark=dark, width=width).page
    page.wait_for_function("() => !document.querySelector('.math:not(:has(mjx-container))')")
    fingers = {"rules": {"target-size": {"enabled": True}}}
    results = Axe().run(page, context="article", options=fingers)
    assert results.violations_count == 0, results.generate_report()


def test_axe_finds_nothing_in_a_chapters_terms(visit, served):
    page = visit(f"{served}/{CHAPTER}").page
    results = Axe().run(page, context="p:has(> a.glossary-term)")
    assert results.violations_count == 0, results.generate_report()
