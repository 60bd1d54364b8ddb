"""What makes the course public: the buttons, Binder, Colab's branch, the workflows."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup, SoupStrainer
from built import HTML, ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from sphinx_book_theme.header_buttons.launch import add_launch_buttons

from tools.lift_bounds import KEPT, lift_bounds
from tools.notebooks import METADATA, chapters

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import launch_buttons
from launch_buttons import Repository, find_hub, find_repository, host_and_path, links

BIN = Path(sys.prefix) / "bin"
FORK = Repository("github.com", "someone/fork", "main", True)
# What a run on GitHub sets.  All else that a build could learn an address from is taken away.
ON_GITHUB = {
    "GITHUB_REPOSITORY": "someone/fork",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
}
PLAIN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("GITHUB_", "CI_", "ADAM_COURSE_HUB", "GIT_"))
} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Someone", "GIT_AUTHOR_EMAIL": "someone@example.org",
    "GIT_COMMITTER_NAME": "Someone", "GIT_COMMITTER_EMAIL": "someone@example.org",
}  # fmt: skip


def git(folder, *arguments):
    run = subprocess.run(
        ["git", "-C", folder, *arguments],
        check=True, capture_output=True, text=True, env=PLAIN,
    )  # fmt: skip
    return run.stdout.strip()


class TestAddresses:
    @pytest.mark.parametrize(
        ("remote", "expected"),
        [
            ("https://github.com/someone/fork.git", ("github.com", "someone/fork")),
            ("https://github.com/someone/fork/", ("github.com", "someone/fork")),
            ("git@github.com:someone/fork.git", ("github.com", "someone/fork")),
            ("ssh://git@github.com:22/someone/fork", ("github.com", "someone/fork")),
            ("https://user:secret@gitlab.com/a/b/c.git", ("gitlab.com", "a/b/c")),
            ("https://git.example.edu:8443/a/b", ("git.example.edu:8443", "a/b")),
            ("../fork.git", None),
            ("/srv/git/fork.git", None),
            ("file:///srv/git/fork.git", None),
            ("C:/git/fork.git", None),
            ("https://github.com/someone", None),
            ("", None),
        ],
    )
    def test_of_remotes_are_read_and_those_on_disk_are_not(self, remote, expected):
        assert host_and_path(remote) == expected

    def test_come_from_a_run_on_github(self, tmp_path):
        assert find_repository(tmp_path, ON_GITHUB) == FORK

    def test_come_from_a_run_on_gitlab(self, tmp_path):
        run = {"CI_PROJECT_URL": "https://gitlab.com/a/b/c", "CI_COMMIT_REF_NAME": "trunk"}
        assert find_repository(tmp_path, run)[:3] == ("gitlab.com", "a/b/c", "trunk")

    @pytest.mark.parametrize(
        "change",
        [
            {"GITHUB_REPOSITORY": ""},
            {"GITHUB_REF_NAME": ""},
            {"GITHUB_REF": "refs/pull/7/merge", "GITHUB_REF_NAME": "7/merge"},
        ],
        ids=["no repository", "no branch", "a pull request"],
    )
    def test_are_not_guessed(self, tmp_path, change):
        assert find_repository(tmp_path, ON_GITHUB | change) is None

    def test_come_from_origin_once_the_branch_was_pushed(self, tmp_path):
        clone = tmp_path / "clone"
        git(tmp_path, "init", "--quiet", "--initial-branch", "mine", clone)
        assert find_repository(clone, {}) is None
        git(clone, "remote", "add", "origin", "git@github.com:someone/fork.git")
        git(clone, "commit", "--quiet", "--allow-empty", "--message", "First")
        assert find_repository(clone, {}) is None
        git(clone, "update-ref", "refs/remotes/origin/mine", "HEAD")
        mine = Repository("github.com", "someone/fork", "mine", False)
        assert find_repository(clone, {}) == mine
        git(clone, "update-ref", "refs/remotes/origin/colab", "HEAD")
        assert find_repository(clone, {}) == mine._replace(has_colab_branch=True)
        # A folder of that repository is not its root: paths would lead elsewhere.
        (clone / "course").mkdir()
        assert find_repository(clone / "course", {}) is None
        git(clone, "checkout", "--quiet", "--detach")
        assert find_repository(clone, {}) is None


class TestLinks:
    NOTEBOOK = "book/02_algorithm.ipynb"

    def test_are_those_that_the_theme_would_make(self):
        """Its own function, on the repositories that it knows, with the branch that is Colab's."""
        hub = "https://hub.example.edu"
        for repository in (FORK, FORK._replace(branch="a/b"), FORK._replace(host="gitlab.com")):
            provider = repository.host.split(".")[0]
            owner, name = repository.path.split("/")
            options = {
                "repository_branch": repository.branch,
                "launch_buttons": {
                    "notebook_interface": "jupyterlab",
                    "binderhub_url": launch_buttons.BINDER,
                    "jupyterhub_url": hub,
                    "colab_url": launch_buttons.COLAB if provider == "github" else "",
                },
            }
            context = {
                "pagename": "book/02_algorithm",
                "sourcename": self.NOTEBOOK,
                "page_source_suffix": ".ipynb",
                "header_buttons": [],
                f"{provider}_url": f"https://{repository.host}",
                f"{provider}_user": owner,
                f"{provider}_repo": name,
            }
            app = SimpleNamespace(
                config={"html_theme_options": options},
                env=SimpleNamespace(
                    doc2path=lambda page: f"{page}.ipynb", metadata={context["pagename"]: {}}
                ),
            )
            add_launch_buttons(app, context["pagename"], "page.html", context, None)
            theirs = {b["text"]: b["url"] for b in context["header_buttons"][0]["buttons"]}
            if "Colab" in theirs:
                branch = f"/blob/{repository.branch}/"
                theirs["Colab"] = theirs["Colab"].replace(branch, "/blob/colab/")
            assert links(repository, self.NOTEBOOK, hub) == theirs

    def test_know_groups_in_groups(self):
        nested = Repository("gitlab.com", "a/b/c", "main", True)
        assert links(nested, self.NOTEBOOK) == {
            "Binder": "https://mybinder.org/v2/gl/a%2Fb%2Fc/main"
            "?urlpath=lab/tree/book/02_algorithm.ipynb"
        }

    def test_are_left_out_where_they_would_be_dead(self):
        assert set(links(FORK, self.NOTEBOOK)) == {"Binder", "Colab"}
        assert set(links(FORK._replace(has_colab_branch=False), self.NOTEBOOK)) == {"Binder"}
        elsewhere = FORK._replace(host="git.example.edu")
        assert links(elsewhere, self.NOTEBOOK) == {}
        assert set(links(elsewhere, self.NOTEBOOK, "https://hub.example.edu")) == {"JupyterHub"}

    def test_quote_what_would_break_them(self):
        odd = FORK._replace(branch='a"&b')
        for link in links(odd, "book/a&b c.ipynb", "https://hub.example.edu").values():
            assert not re.search(r"[\"'<> ]", link)
            assert "b%20c.ipynb" in link
            assert "a&b" not in link

    def test_refuse_a_hub_that_is_none(self):
        assert find_hub({}) == find_hub({"ADAM_COURSE_HUB": " "}) == ""
        assert find_hub({"ADAM_COURSE_HUB": "https://a.edu/hub/"}) == "https://a.edu/hub"
        for hub in ("hub.example.edu", 'https://a.edu/"x', "ftp://a.edu", "https://"):
            with pytest.raises(ValueError, match=f"ADAM_COURSE_HUB .+ got {re.escape(repr(hub))}"):
                find_hub({"ADAM_COURSE_HUB": hub})


def launched(page):
    """The buttons of a built page: name -> link."""
    header = SoupStrainer(class_="article-header-buttons")
    document = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser", parse_only=header)
    assert document.select(".btn-fullscreen-button")
    buttons = document.select(".dropdown-launch-buttons a")
    for button in buttons:
        logo = button.find("img")
        assert (page.parent / logo["src"]).is_file()
        assert logo["alt"].startswith(button.get_text().strip())
    # The theme has more buttons, which come with a repository's address; they are not wanted.
    assert not document.select("[class*=btn-source-], [class*=dropdown-source-], .fa-github")
    return {button.get_text().strip(): button["href"] for button in buttons}


@pytest.fixture(scope="module")
def small_book(tmp_path_factory):
    """A copy of the project with two pages, one of which is a notebook."""
    copy = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "_config.yml", copy)
    for folder in ("_ext", "_static"):
        shutil.copytree(ROOT / "book" / folder, copy / "book" / folder)
    shutil.copy(ROOT / "book" / "references.bib", copy / "book")
    (copy / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nparts:\n  - chapters:\n      - file: book/page\n"
    )
    (copy / "book" / "index.md").write_text("# Book\n\nA page.\n")
    cell = nbformat.v4.new_markdown_cell("# Page\n\nA notebook.\n")
    notebook = nbformat.v4.new_notebook(metadata=METADATA, cells=[cell])
    nbformat.write(notebook, copy / "book" / "page.ipynb")
    return copy


class TestButtons:
    def test_are_on_notebooks_and_follow_the_environment(self, small_book):
        pages = small_book / "_build" / "html" / "book"
        hub = "https://hub.example.edu"
        # Twice in one folder: a page that did not change is written anew all the same.
        for change, expected in (
            (ON_GITHUB | {"ADAM_COURSE_HUB": f"{hub}/"}, links(FORK, "book/page.ipynb", hub)),
            ({}, {}),
        ):
            run = subprocess.run(
                [BIN / "jupyter-book", "build", ".", "-W", "-n", "--keep-going"],
                cwd=small_book, env=PLAIN | change, capture_output=True, text=True,
            )  # fmt: skip
            assert run.returncode == 0, run.stdout + run.stderr
            assert launched(pages / "page.html") == expected
            assert "&urlpath" not in (pages / "page.html").read_text(encoding="utf-8")
            assert launched(pages / "index.html") == {}

    def test_of_the_book_lead_to_its_notebooks(self):
        """In a run on GitHub there are buttons; elsewhere there may be none."""
        names = {path.stem for path in chapters()}
        found = {page.stem: launched(page) for page in sorted((HTML / "book").glob("*.html"))}
        assert names <= set(found)
        for name, buttons in found.items():
            for service, link in buttons.items():
                assert name in names
                assert f"book/{name}.ipynb" in link, service
        assert len({frozenset(found[name]) for name in names}) == 1
        if os.environ.get("GITHUB_ACTIONS") == "true" and find_repository(ROOT, os.environ):
            assert {"Binder", "Colab"} <= set(found["02_algorithm"])


class TestColab:
    @pytest.fixture
    def clone(self, tmp_path):
        """A repository with two notebooks and a page, and the one that it is pushed to."""
        clone, origin = tmp_path / "clone", tmp_path / "origin.git"
        git(tmp_path, "init", "--quiet", "--bare", origin)
        git(tmp_path, "init", "--quiet", "--initial-branch", "main", clone)
        for name in (
            "tools/colab.py", "book/_ext/launch_buttons.py", "pyproject.toml", "book/notation.md",
            "book/02_algorithm.ipynb", "book/errata.ipynb",
        ):  # fmt: skip
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
        git(clone, "remote", "add", "origin", origin)
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "--message", "First")
        return clone

    def run(self, clone, environment):
        return subprocess.run(
            [sys.executable, "tools/colab.py", "--push"],
            cwd=clone, env=PLAIN | environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, text=True,
        )  # fmt: skip

    def test_notebooks_install_the_package_of_their_own_commit(self, clone):
        for message in ("Second", "Third"):
            git(clone, "commit", "--quiet", "--allow-empty", "--message", message)
            commit = git(clone, "rev-parse", "HEAD")
            run = self.run(clone, ON_GITHUB)
            assert run.returncode == 0, run.stderr
            assert run.stdout == "2 notebooks on the branch colab\n"
            origin = clone.parent / "origin.git"
            assert git(origin, "branch", "--format=%(refname:short)") == "colab"
            names = git(origin, "ls-tree", "-r", "--name-only", "colab").splitlines()
            assert names == ["book/02_algorithm.ipynb", "book/errata.ipynb"]
            for name in names:
                made = nbformat.reads(git(origin, "show", f"colab:{name}"), as_version=4)
                nbformat.validate(made)
                first, *others = made.cells
                assert others == nbformat.read(ROOT / name, as_version=4).cells
                (line,) = re.findall(r"^%pip install --quiet (.+)$", first.source, flags=re.M)
                wanted = [Requirement(each) for each in re.findall(r'"([^"]+)"', line)]
                assert [each.name for each in wanted] == ["anywidget", "adam_course"]
                assert wanted[0].specifier
                assert wanted[1].url == f"git+https://github.com/someone/fork@{commit}"
        # One commit, however often; and nothing has changed in the folder.
        assert git(origin, "rev-list", "--count", "colab") == "1"
        assert git(clone, "status", "--porcelain") == ""
        assert git(clone, "symbolic-ref", "--short", "HEAD") == "main"

    @pytest.mark.parametrize("host", ["", "https://gitlab.com"])
    def test_branch_is_not_made_where_colab_cannot_read(self, clone, host):
        environment = ON_GITHUB | {"GITHUB_SERVER_URL": host} if host else {}
        run = self.run(clone, environment)
        assert run.returncode != 0
        assert "github.com" in run.stderr
        assert git(clone.parent / "origin.git", "branch") == ""


@pytest.fixture(scope="module")
def told():
    """What repo2docker would do with this repository: its log, with the Dockerfile."""
    run = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."],
        cwd=ROOT, env=PLAIN, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


class TestBinder:
    def test_takes_its_python_and_the_two_scripts(self, told):
        python = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip()
        asked = Version(python.removeprefix("python-"))
        assert f"Building conda environment for python={asked}" in told
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        assert asked in Requirement(f"x{project['project']['requires-python']}").specifier
        assert "RUN ./binder/postBuild" in told
        assert 'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in told
        # Not of itself what lies in the root: pip would take torch's CUDA build.
        assert not re.search(r"pip install|env update", told.split("COPY --chown=0:0 src/")[1])
        assert "requirements.txt" not in told

    def test_uses_every_file_that_is_there_for_it(self):
        used = {"runtime.txt", "postBuild", "start"}
        assert {path.name for path in (ROOT / "binder").iterdir()} == used
        for script in ("postBuild", "start"):
            assert os.access(ROOT / "binder" / script, os.X_OK), script

    def test_starts_with_one_thread(self):
        run = subprocess.run(
            ["binder/start", "printenv", *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
             "MKL_NUM_THREADS"],
            cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        )  # fmt: skip
        assert run.stdout.split() == ["1", "1", "1"]

    def test_installs_the_pinned_versions_and_torch_first(self, tmp_path):
        """The script, with commands that only write down how they were called."""
        for name in ("pip", "uv", "python"):
            (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
            (tmp_path / name).chmod(0o755)
        run = subprocess.run(
            ["binder/postBuild"],
            cwd=ROOT, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        tools, torch, rest = run.stdout.splitlines()
        assert all("--constraint requirements.txt" in line for line in (tools, torch, rest))
        assert torch.startswith("uv pip install")
        assert f"--python {tmp_path}/python" in torch
        assert torch.endswith("--torch-backend cpu --constraint requirements.txt torch")
        assert rest.endswith("--no-build-isolation --editable .[notebooks,fast]")

    def test_installs_all_that_the_notebooks_import(self):
        script = (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")
        extras = re.search(r"--editable '\.\[([\w,]+)\]'", script)[1].split(",")
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        wanted = list(project["dependencies"])
        wanted += [line for extra in extras for line in project["optional-dependencies"][extra]]
        named = {canonicalize_name(Requirement(line).name) for line in wanted}
        # The kernel, which comes with JupyterLab, is IPython.
        named |= {"ipython", "ipykernel"}
        own = {*sys.stdlib_module_names, project["name"]}
        provided = packages_distributions()
        missing = {
            (path.stem, module)
            for path in chapters()
            for module in imported(path)
            if module not in own
            and not named & {canonicalize_name(name) for name in provided[module]}
        }
        assert missing == set()


def imported(path):
    """The modules that a notebook imports, by their first names."""
    found = set()
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type != "code":
            continue
        code = "\n".join(
            line for line in cell.source.split("\n") if not line.startswith(("%", "!"))
        )
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.partition(".")[0])
    return found


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WEEKLY = ROOT / ".github" / "workflows" / "weekly.yml"


def jobs(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]


def steps(path):
    return [step for job in jobs(path).values() for step in job["steps"]]


def script(path, name):
    """What a step runs, by its name."""
    (found,) = [step["run"] for step in steps(path) if step.get("name") == name]
    return found


class TestWorkflows:
    def test_are_there(self):
        assert [path.stem for path in WORKFLOWS] == ["publish", "weekly"]

    @pytest.mark.parametrize(
        "schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"]
    )
    def test_follow_their_schema_and_end(self, schema):
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
        run = subprocess.run([*command, *WORKFLOWS], capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr

    def test_are_safe(self):
        """No right that is not needed, no text of a stranger in a script, no loose version."""
        run = subprocess.run(
            [BIN / "zizmor", "--offline", "--strict-collection", "--persona=pedantic",
             "--no-progress", ROOT / ".github"],
            capture_output=True, text=True,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr

    @pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
    def test_use_only_what_is_pinned_and_what_is_there(self, path):
        targets = re.findall(
            r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M
        )
        for step in steps(path):
            if "uses" in step:
                assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
                continue
            subprocess.run(["bash", "-n", "-c", step["run"]], check=True)
            for target in re.findall(r"\bmake (?:--\S+ )?(\w+)", step["run"]):
                assert target in targets
            for name in re.findall(r"\b(?:tools|tests)/\w+\.py", step["run"]):
                assert (ROOT / name).is_file()

    def test_publish_what_was_tested_and_only_from_the_default_branch(self):
        found = jobs(ROOT / ".github" / "workflows" / "publish.yml")
        assert found["colab"]["needs"] == "test"
        assert set(found["deploy"]["needs"]) == {"test", "colab"}
        default = "github.ref_name == github.event.repository.default_branch"
        (upload,) = [s for s in found["test"]["steps"] if "pages-artifact" in s.get("uses", "")]
        assert found["colab"]["if"] == upload["if"] == default
        assert ROOT / upload["with"]["path"] == HTML

    def test_deselect_a_test_that_is_there(self):
        named = re.search(r"test=(\S+)", script(WEEKLY, "Lift the upper bounds"))[1]
        path, *names = named.split("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert all(re.search(rf"(class|def) {name}\b", text) for name in names)


class TestReport:
    """What the weekly workflow says when the newest versions fail."""

    @pytest.fixture
    def written(self, tmp_path):
        """The report's text, as the step writes it."""
        git(tmp_path, "init", "--quiet")
        (tmp_path / "requirements.txt").write_text("numpy==2.4.6\ntorch==2.13.0\n")
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", "First")
        (tmp_path / "requirements.txt").write_text("numpy==2.5.0\ntorch==2.13.0\n")
        log = [f"line {number}" for number in range(1000)] + ["```", "1 failed, 9 passed"]
        (tmp_path / "run.log").write_text("\n".join(log) + "\n")
        self.bash(tmp_path, "Write the report", VERSIONS="beyond", RUN="https://example.org/1")
        return (tmp_path / "report" / "beyond.md").read_text()

    def bash(self, folder, name, **environment):
        subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script(WEEKLY, name)],
            cwd=folder, env=PLAIN | environment, check=True,
        )  # fmt: skip

    def test_has_the_new_versions_and_the_end_of_the_log(self, written):
        assert "beyond" in written.splitlines()[0]
        assert "https://example.org/1" in written.splitlines()[0]
        assert "    -numpy==2.4.6\n    +numpy==2.5.0\n" in written
        assert "torch" not in written
        assert written.endswith("    ```\n    1 failed, 9 passed\n")
        assert "line 999" in written
        assert "line 900" not in written

    @pytest.mark.parametrize("is_open", [False, True])
    def test_is_opened_once(self, written, tmp_path, is_open):
        title = "The tests fail with the newest versions beyond the ranges"
        gh = tmp_path / "gh"
        number = "7" if is_open else ""
        gh.write_text(f'#!/bin/sh\necho "$@" >> calls\n[ "$2" != list ] || echo {number}\n')
        gh.chmod(0o755)
        self.bash(
            tmp_path,
            "Open a report, or add to the open one",
            PATH=f"{tmp_path}:{os.environ['PATH']}",
        )
        first, last = (tmp_path / "calls").read_text().splitlines()
        assert first.startswith("issue list --state open ")
        assert "select(.title == env.title)" in first
        if is_open:
            assert last == "issue comment 7 --body-file report/beyond.md"
        else:
            assert last == f"issue create --title {title} --body-file report/beyond.md"


def test_bounds_are_lifted_but_for_what_is_known_to_fail():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    before, after = tomllib.loads(text), tomllib.loads(lift_bounds(text))

    def wanted(project):
        extras = project["project"]["optional-dependencies"].values()
        lines = [*project["project"]["dependencies"], *(line for e in extras for line in e)]
        return {requirement.name: requirement for requirement in map(Requirement, lines)}

    assert set(wanted(before)) == set(wanted(after)) > KEPT
    for name, requirement in wanted(after).items():
        if name in KEPT:
            assert requirement == wanted(before)[name]
        else:
            (bound,) = requirement.specifier
            assert bound.operator == ">="
            assert wanted(before)[name].specifier.contains(bound.version), name
    assert not wanted(after)["jupyter-book"].specifier.contains("2.0")
    assert after["build-system"] == before["build-system"]
    assert after["project"]["requires-python"] == before["project"]["requires-python"]
    assert all("version" not in each for each in after["tool"]["uv"]["dependency-metadata"])
    with pytest.raises(ValueError, match="pooch"):
        lift_bounds('[project]\ndependencies = ["pooch<2"]\n')
