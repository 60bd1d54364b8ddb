"""Every page in a real browser, from disk and served, with the network unplugged."""

import pytest
from built import HTML, pages

PAGES = [page.relative_to(HTML) for page in pages()]


@pytest.fixture(params=["file", "http"])
def address(request, served):
    """A page's address: on disk, or served."""
    return lambda page: (HTML / page).as_uri() if request.param == "file" else f"{served}/{page}"


def typeset(page):
    """Wait until MathJax has drawn what there is to draw."""
    page.wait_for_function(
        "() => !document.querySelector('.math') || (window.MathJax?.startup?.promise"
        " && document.querySelector('mjx-container'))"
    )
    page.evaluate("() => window.MathJax?.startup?.promise")


@pytest.mark.parametrize("name", PAGES, ids=lambda path: path.stem)
def test_page_works_without_a_network(visit, address, name):
    opened = visit(address(name))
    page = opened.page
    typeset(page)
    assert opened.outside == []
    assert opened.errors == []
    formulas = page.evaluate("() => document.querySelectorAll('.math').length")
    drawn = page.evaluate("() => document.querySelectorAll('.math mjx-container svg').length")
    assert drawn >= formulas
    assert (
        page.evaluate("() => document.querySelectorAll('mjx-merror, [data-mjx-error]').length") == 0
    )
    broken = page.evaluate(
        "() => [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
    )
    assert broken == []


# 320 is a screen of 640 at 200 %.
@pytest.mark.parametrize("width", [320, 360, 768, 1280])
@pytest.mark.parametrize("name", PAGES, ids=lambda path: path.stem)
def test_page_does_not_scroll_sideways(visit, served, name, width):
    page = visit(f"{served}/{name}", width=width).page
    typeset(page)
    wide = page.evaluate(
        """() => {
            const room = document.documentElement.clientWidth;
            const scrolls = document.documentElement.scrollWidth > room;
            const wide = [...document.querySelectorAll('article *')].filter(
                n => n.getBoundingClientRect().right > room + 1).map(n => n.outerHTML.slice(0, 80));
            return scrolls ? wide.slice(0, 5).concat('scrolls') : [];
        }"""
    )
    assert wide == []


def luminance(colour):
    channels = [int(part) / 255 for part in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES, ids=lambda path: path.stem)
def test_text_can_be_read_in_both_themes(visit, served, name, dark):
    page = visit(f"{served}/{name}", dark=dark).page
    assert page.evaluate("() => document.documentElement.dataset.theme") == (
        "dark" if dark else "light"
    )
    pairs = page.evaluate(
        """() => ['article p', '.claim-basis', '.claim-mark', 'article h1',
            '.adam-sliders code'].flatMap(selector => {
            const node = document.querySelector(selector);
            if (!node) return [];
            let back = node;
            while (back && getComputedStyle(back).backgroundColor === 'rgba(0, 0, 0, 0)')
                back = back.parentElement;
            const numbers = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
            return [[selector, numbers(getComputedStyle(node).color),
                     numbers(getComputedStyle(back ?? document.body).backgroundColor)]];
        })"""
    )
    assert pairs
    for selector, ink, paper in pairs:
        light, low = sorted((luminance(ink), luminance(paper)), reverse=True)
        assert (light + 0.05) / (low + 0.05) >= 4.5, f"{selector}: {ink} on {paper}"


def test_the_first_page_leads_to_the_book_from_disk(visit):
    page = visit((HTML / "index.html").as_uri()).page
    page.wait_for_url("**/book/index.html")
    assert page.title().startswith("The Adam course")


def test_folded_claims_unfold_by_keyboard(visit, served):
    page = visit(f"{served}/book/02_algorithm.html").page
    folded = page.locator("details.hide").first
    assert folded.get_attribute("open") is None
    folded.locator("summary").focus()
    page.keyboard.press("Enter")
    assert folded.get_attribute("open") is not None
