"""Buttons on a notebook's page that open it where it runs: Binder, Colab, a JupyterHub.

No repository's address stands in a file, so that a fork has its own buttons without an
edit.  The repository is the one that the build's environment names (GitHub and GitLab do
so in their runs), else the remote `origin` of this clone; ADAM_COURSE_HUB is the address of
a JupyterHub.  Where the repository or its branch is not known, or a service does not read
such repositories, a button is left out rather than dead.

The theme makes such buttons too, but for all of them from one branch, and what Colab opens
lies on a branch of its own (see tools/colab.py); nor does it know of a group in a group on
GitLab.  So the links are made here, and the theme draws them.
"""

import html
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

BINDER = "https://mybinder.org"
COLAB = "https://colab.research.google.com"
COLAB_BRANCH = "colab"
LATE = 600  # the theme begins its list of buttons at 500 and is done at 501


class Repository(NamedTuple):
    """Where on the web the course's notebooks lie."""

    host: str
    path: str
    branch: str
    has_colab_branch: bool

    @property
    def address(self):
        return f"https://{self.host}/{self.path}"


def git(folder, *arguments):
    """What git answers about the repository whose root is this folder; else nothing."""
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(Path(folder).resolve().parent)}
    try:
        run = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True, text=True, env=environment,
        )  # fmt: skip
    except FileNotFoundError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def host_and_path(remote):
    """Host and path of a repository on the web, without user or password; None for another."""
    short = re.fullmatch(r"(?:[^@/:]+@)?([\w-]+(?:\.[\w-]+)+):(?!/)(.+)", remote)
    url = urlsplit(f"ssh://{short[1]}/{short[2]}" if short else remote)
    path = url.path.strip("/").removesuffix(".git")
    known = url.scheme in ("https", "http", "ssh", "git") and "." in (url.hostname or "")
    if not known or "/" not in path:
        return None
    port = f":{url.port}" if url.port and url.scheme in ("https", "http") else ""
    return f"{url.hostname}{port}", path


def find_repository(folder, environment):
    """The repository that is built, or None where it or its branch is not known."""
    if environment.get("GITHUB_REF", "").startswith("refs/pull/"):
        return None  # it has a branch in somebody else's repository
    seen = None
    if name := environment.get("GITHUB_REPOSITORY"):
        remote = f"{environment.get('GITHUB_SERVER_URL') or 'https://github.com'}/{name}"
        branch = environment.get("GITHUB_REF_NAME")
    elif remote := environment.get("CI_PROJECT_URL"):
        branch = environment.get("CI_COMMIT_REF_NAME")
    else:
        remote, branch = git(folder, "remote", "get-url", "origin"), None
        listed = git(folder, "for-each-ref", "--format=%(refname)", "refs/remotes/origin/")
        seen = [name.removeprefix("refs/remotes/origin/") for name in listed.split()]
    branch = branch or git(folder, "symbolic-ref", "--short", "HEAD")
    found = host_and_path(remote)
    # A branch that was never pushed cannot be opened.
    if not found or not branch or (seen is not None and branch not in seen):
        return None
    return Repository(*found, branch, seen is None or COLAB_BRANCH in seen)


def links(repository, notebook, hub=""):
    """The links that open a notebook, by the names of the services.

    Parameters
    ----------
    repository : Repository
        Where the notebook lies.
    notebook : str
        Its path there.
    hub : str
        The address of a JupyterHub that has nbgitpuller; empty for none.

    Returns
    -------
    dict
        Name to link, for those services that can open it.
    """
    found = {}
    branch = quote(repository.branch)
    place = f"urlpath=lab/tree/{quote(notebook)}"
    if repository.host == "github.com":
        found["Binder"] = f"{BINDER}/v2/gh/{repository.path}/{branch}?{place}"
    elif repository.host == "gitlab.com":
        found["Binder"] = f"{BINDER}/v2/gl/{quote(repository.path, safe='')}/{branch}?{place}"
    if hub:
        pulled = {
            "repo": repository.address,
            "urlpath": f"lab/tree/{repository.path.rpartition('/')[2]}/{notebook}",
            "branch": repository.branch,
        }
        found["JupyterHub"] = (
            f"{hub}/hub/user-redirect/git-pull?{urlencode(pulled, safe='/', quote_via=quote)}"
        )
    if repository.host == "github.com" and repository.has_colab_branch:
        found["Colab"] = f"{COLAB}/github/{repository.path}/blob/{COLAB_BRANCH}/{quote(notebook)}"
    return found


def find_hub(environment):
    """The address of a JupyterHub, or nothing."""
    hub = environment.get("ADAM_COURSE_HUB", "").strip()
    if hub and not re.fullmatch(r"https?://[^\s/\"'<>?#]+(/[^\s\"'<>?#]*)?", hub):
        raise ValueError(f"ADAM_COURSE_HUB must be the address of a JupyterHub, got {hub!r}")
    return hub.rstrip("/")


def look_around(app, config):
    """Keep in the configuration what the links are made of: when it changes, so do all pages."""
    config.launch_from = (find_repository(app.srcdir, os.environ), find_hub(os.environ))


def add_buttons(app, pagename, templatename, context, doctree):
    """Put the group of buttons first in the header of a notebook's page."""
    repository, hub = app.config.launch_from
    notebook = f"{pagename}.ipynb"
    if repository is None or doctree is None or not (Path(app.srcdir) / notebook).exists():
        return
    logos = {"Binder": "binder.svg", "JupyterHub": "jupyterhub.svg", "Colab": "colab.png"}
    buttons = [
        {
            "type": "link",
            "text": service,
            "tooltip": f"Run this chapter on {service}",
            "icon": f"_static/images/logo_{logos[service]}",
            "url": html.escape(link),
        }
        for service, link in links(repository, notebook, hub).items()
    ]
    if buttons:
        context["header_buttons"].insert(
            0,
            {
                "type": "group",
                "tooltip": "Run this chapter",
                "icon": "fas fa-rocket",
                "buttons": buttons,
                "label": "launch-buttons",
            },
        )


def setup(app):
    app.add_config_value("launch_from", None, "html")
    app.connect("config-inited", look_around)
    app.connect("html-page-context", add_buttons, priority=LATE)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
