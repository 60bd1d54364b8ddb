"""Notebooks for Colab, on a branch of their own: `python tools/colab.py [--push]`.

Colab opens a notebook without its repository, so the package that every chapter imports is
not there.  The branch `colab` has a copy of each notebook with one cell in front that
installs it, from this very commit of this very repository.  The branch is one commit that
is made anew each time; the files in the folder are not touched.  With --push it is pushed to
`origin`, where the buttons of the book look for it.

The standard library is enough here: what publishes need not install what the course needs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from launch_buttons import COLAB_BRANCH, find_repository  # noqa: E402

# What the notebooks import and Colab does not have.  All else it has in versions of its own,
# and torch is best left as it is: it comes with the driver of Colab's GPUs.
MISSING = ("anywidget",)


def git(root, *arguments, **settings):
    """Run git on the repository in a folder and return what it says."""
    run = subprocess.run(
        ["git", "-C", root, *arguments],
        check=True, stdout=subprocess.PIPE, encoding="utf-8", **settings,
    )  # fmt: skip
    return run.stdout.strip()


def install_cell(root, address, commit):
    """The cell that installs the package of a commit, and what Colab lacks."""
    project = tomllib.loads(git(root, "show", f"{commit}:pyproject.toml"))["project"]
    lines = [line for extra in project["optional-dependencies"].values() for line in extra]
    wanted = [line for name in MISSING for line in lines if line.startswith(name)]
    wanted.append(f"{project['name']} @ git+{address}@{commit}")
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": "install-for-colab",
        "metadata": {},
        "outputs": [],
        "source": [
            "# Colab: run this first. It installs the course's package, once a visit.\n",
            f"%pip install --quiet {' '.join(json.dumps(line) for line in wanted)}",
        ],
    }


def for_colab(notebook, cell):
    """A notebook's text with a cell in front."""
    content = json.loads(notebook)
    content["cells"].insert(0, cell)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def make_branch(root, environment):
    """Make the branch from the last commit and return its name and how many notebooks it has."""
    repository = find_repository(root, environment)
    if repository is None or repository.host != "github.com":
        raise SystemExit("no repository on github.com is known here, and Colab reads no other")
    commit = git(root, "rev-parse", "HEAD")
    cell = install_cell(root, repository.address, commit)
    listed = git(root, "ls-tree", "-r", "--name-only", "-z", commit, "book/").split("\0")
    names = [name for name in listed if name.endswith(".ipynb")]
    with tempfile.TemporaryDirectory() as folder:
        settings = {"env": os.environ | {"GIT_INDEX_FILE": str(Path(folder) / "index")}}
        for name in names:
            text = for_colab(git(root, "show", f"{commit}:{name}"), cell)
            blob = git(root, "hash-object", "-w", "--stdin", input=text)
            git(
                *(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}"),
                **settings,
            )
        tree = git(root, "write-tree", **settings)
    author, email = git(root, "show", "--no-patch", "--format=%an%n%ae", commit).splitlines()
    identity = ("-c", f"user.name={author}", "-c", f"user.email={email}")
    message = f"The notebooks of {commit}, for Colab"
    made = git(root, *identity, "commit-tree", tree, "-m", message)
    git(root, "update-ref", f"refs/heads/{COLAB_BRANCH}", made)
    return len(names)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--push", action="store_true", help="push the branch to origin")
    arguments = parser.parse_args()
    number = make_branch(ROOT, os.environ)
    if arguments.push:
        git(ROOT, "push", "--quiet", "--force", "origin", f"refs/heads/{COLAB_BRANCH}")
    print(f"{number} notebooks on the branch {COLAB_BRANCH}")


if __name__ == "__main__":
    main()
