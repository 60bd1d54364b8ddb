"""What search engines and messengers see of the pages, with an address and without one."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from xml.etree import ElementTree

import pytest
from built import HTML, ROOT, pages
from PIL import Image

ADDRESS = "https://example.org/course"

PAGE = """# A page & its title

The memories $\\beta_1$ and $\\beta_2$ are long & slow, and the rate $\\alpha$ is < 1.

{numbers}
""".format(numbers="More follows. " * 40)


@pytest.fixture(scope="module")
def extension():
    spec = importlib.util.spec_from_file_location("findable", ROOT / "book/_ext/findable.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A book of two pages, built as the workflow builds it: with its address."""
    book = tmp_path_factory.mktemp("published")
    (book / "index.md").write_text("# A small book\n\nIt has a page.\n", encoding="utf-8")
    (book / "page.md").write_text(PAGE, encoding="utf-8")
    shutil.copy(ROOT / "book/_ext/findable.py", book)
    (book / "conf.py").write_text(
        "import sys; sys.path.insert(0, '.')\nextensions = ['myst_nb', 'findable']\n"
        "myst_enable_extensions = ['dollarmath']\nhtml_title = 'Small book'\n"
        "master_doc = 'index'\nexclude_patterns = ['_build']\nsuppress_warnings = ['toc']\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "sphinx", "-q", ".", "_build"]
    subprocess.run(command, cwd=book, check=True, env=os.environ | {"ADAM_COURSE_ADDRESS": ADDRESS})
    return book / "_build"


def tags(path):
    """The meta tags of a page: name or property to content."""
    found = re.findall(
        r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', path.read_text(encoding="utf-8")
    )
    return {name: unescape(content) for name, content in found}


class TestThePublishedBook:
    def test_describes_a_page_by_its_promise_in_letters(self, published):
        described = tags(published / "page.html")["description"]
        assert described == "The memories β₁ and β₂ are long & slow, and the rate α is < 1."

    def test_has_a_card_with_an_absolute_address(self, published):
        found = tags(published / "page.html")
        assert found["og:title"] == "A page & its title"
        assert found["og:site_name"] == "Small book"
        assert found["og:url"] == f"{ADDRESS}/page.html"
        assert found["twitter:card"] == "summary_large_image"
        assert "β₁" in found["og:image:alt"]
        image = found["og:image"].removeprefix(f"{ADDRESS}/")
        with Image.open(published / image) as card:
            assert card.size == (1146, 600)

    def test_has_canonical_addresses_and_a_site_map(self, published):
        text = (published / "page.html").read_text(encoding="utf-8")
        assert f'<link rel="canonical" href="{ADDRESS}/page.html"' in text
        named = [
            place.text
            for place in ElementTree.parse(published / "sitemap.xml").iter()
            if place.text
        ]
        assert f"{ADDRESS}/page.html" in named
        assert all(place.startswith(f"{ADDRESS}/") for place in named)


class TestThisBook:
    def test_describes_every_page(self):
        described = {page: tags(page).get("description", "") for page in pages()}
        assert [page.name for page, text in described.items() if len(text) < 20] == []
        assert len(set(described.values())) == len(described)
        assert not [text for text in described.values() if "\\" in text or len(text) > 205]

    def test_names_an_address_where_it_has_one_and_nowhere_else(self):
        address = os.environ.get("ADAM_COURSE_ADDRESS", "")
        for page in pages():
            about_it = [name for name in tags(page) if name.startswith(("og:", "twitter:"))]
            assert bool(about_it) == bool(address)
            canonical = f'rel="canonical" href="{address.rstrip("/")}/'
            assert (canonical in page.read_text(encoding="utf-8")) == bool(address)
        assert (HTML / "sitemap.xml").exists() == bool(address)

    def test_has_an_icon(self):
        for page in pages():
            icon = re.search(r'<link rel="icon" href="([^"?]+)', page.read_text(encoding="utf-8"))
            assert (page.parent / icon[1]).is_file()


@pytest.mark.parametrize("address", ["example.org", "https://a b", "ftp://example.org", "https://"])
def test_an_address_that_is_none_is_refused(extension, address):
    with pytest.raises(ValueError, match="ADAM_COURSE_ADDRESS"):
        extension.find_address({"ADAM_COURSE_ADDRESS": address})


@pytest.mark.parametrize("address", [ADDRESS, f"{ADDRESS}/", f" {ADDRESS}// "])
def test_an_address_ends_with_a_slash(extension, address):
    assert extension.find_address({"ADAM_COURSE_ADDRESS": address}) == f"{ADDRESS}/"


def test_no_address_is_none(extension):
    assert extension.find_address({}) == ""
