"""Do what Binder does, as far as it goes without a container: `tools/binder_try.py FOLDER`.

In FOLDER, which must not exist, it makes a clean environment, installs what Binder's image
has before it looks at a repository (in the versions that repo2docker names, from pip
instead of conda), runs `binder/postBuild` in a copy of this repository, starts JupyterLab
through `binder/start` and asks it for a chapter, and runs every notebook.  It takes a
gigabyte and many minutes; the tests do the same as far as chapter 1, in a browser.

On a machine that reaches an index for pip, but not the place where uv finds torch's CPU
builds, torch comes from pip beforehand.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
import venv
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tools.notebooks import chapters  # noqa: E402

# What of the image's own packages the server is made of.
SERVER = (
    "ipywidgets",
    "jupyter-offlinenotebook",
    "jupyter-resource-usage",
    "jupyter_server",
    "jupyterhub-base",
    "jupyterlab",
    "notebook",
)
TOKEN = "a-token-for-a-try"
EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "anywidget")


def image_packages(python):
    """The server's packages in Binder's image for this Python, as pip's requirements."""
    lock = f"repo2docker/buildpacks/conda/environment.py-{python}-linux-64.lock"
    text = Path(distribution("jupyter-repo2docker").locate_file(lock)).read_text("utf-8")
    versions = dict(re.findall(r"/([\w.-]+)-([^-/]+)-[^-/]+\.conda", text))
    return [f"{name.removesuffix('-base')}=={versions[name]}" for name in SERVER]


def copy_repository(target):
    """Copy what git has or would have."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    target.mkdir()
    subprocess.run(
        ["cp", "--parents", "--preserve=mode", "--target-directory", target]
        + [name for name in listed.stdout.splitlines() if (ROOT / name).exists()],
        cwd=ROOT, check=True,
    )  # fmt: skip


def ask(address, seconds=60):
    """What the server answers there, once it listens: the status and the text."""
    request = urllib.request.Request(address, headers={"Authorization": f"token {TOKEN}"})
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return answer.status, answer.read().decode()
        except ConnectionError:
            pass
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError):
                raise
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer from {address} in {seconds} seconds")
        time.sleep(0.5)


class Place:
    """A copy of the repository, and a clean environment in which Binder's steps are done."""

    def __init__(self, folder):
        self.repository, self.environment = folder / "repository", folder / "environment"
        outside = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "VIRTUAL_ENV", "JUPYTER"))
        }
        path = f"{self.environment / 'bin'}{os.pathsep}{outside['PATH']}"
        self.env = outside | {"PATH": path}

    def run(self, *command, popen=False, **options):
        """Run a command in the repository, with the environment's programs first."""
        start = subprocess.Popen if popen else subprocess.run
        return start(command, cwd=self.repository, env=self.env, **options)

    def must(self, *command, **options):
        """Run a command that has to succeed, and say how long it took."""
        began = time.monotonic()
        run = self.run(*command, **options)
        spent = time.monotonic() - began
        print(f"{' '.join(map(str, command))[:90]}: {spent:.0f} s, exit {run.returncode}")
        if run.returncode:
            raise RuntimeError(f"{command} failed:\n{run.stdout or ''}{run.stderr or ''}")

    def reaches_torch(self):
        """Whether uv finds torch's CPU build from here."""
        asked = self.run(
            *("uv", "pip", "install", "--dry-run", "--no-config", "--torch-backend", "cpu"),
            *("--python", self.environment / "bin" / "python"),
            *("--constraint", "requirements.txt", "torch"),
            capture_output=True,
        )
        return asked.returncode == 0

    def prepare(self, **options):
        """Make the environment, with what Binder's image has, and run `binder/postBuild`."""
        copy_repository(self.repository)
        venv.create(self.environment, with_pip=True)
        self.must("pip", "install", "--quiet", *image_packages("3.11"), **options)
        self.must(
            *("pip", "install", "--quiet", "--constraint", "requirements.txt", "uv"), **options
        )
        if not self.reaches_torch():
            self.must(
                *("pip", "install", "--quiet", "--constraint", "requirements.txt", "torch"),
                **options,
            )
        self.must("binder/postBuild", **options)

    def serve(self, port, *more, **options):
        """JupyterLab, started as Binder does."""
        return self.run(
            *("binder/start", "jupyter-lab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
            *(f"--port={port}", f"--IdentityProvider.token={TOKEN}"),
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            *more,
            popen=True,
            **options,
        )


def has_extensions(home):
    """Ask the server for a chapter, and whether it has the widgets' extensions."""
    status, page = ask(f"{home}/lab/tree/book/01_introduction.ipynb")
    told = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.S)[1])
    loaded = [extension["name"] for extension in told["federated_extensions"]]
    missing = [name for name in EXTENSIONS if name not in loaded]
    print(f"lab/tree/book/01_introduction.ipynb: {status}; extensions missing: {missing}")
    return not missing


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8899)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir()
    place = Place(folder)
    place.prepare()
    place.must("binder/start", "python", "-c", "import os; print(os.environ['OMP_NUM_THREADS'])")
    place.must("python", "-c", "import adam_course; print(adam_course.__file__)")
    server = place.serve(arguments.port)
    try:
        failed = [] if has_extensions(f"http://127.0.0.1:{arguments.port}") else ["the server"]
    finally:
        server.terminate()
        server.wait(30)
    for path in chapters():
        began = time.monotonic()
        code = place.run("binder/start", "jupyter", "execute", path.relative_to(ROOT)).returncode
        print(f"{path.stem}: {time.monotonic() - began:.0f} s, exit {code}", flush=True)
        failed += [path.stem] * (code != 0)
    print("failed:", ", ".join(failed) or "nothing")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
