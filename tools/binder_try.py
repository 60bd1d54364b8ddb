"""Do what Binder does, as far as it goes without a container: `tools/binder_try.py FOLDER`.

In FOLDER, which must not exist, it makes a clean environment, installs what Binder's image
has before it looks at a repository (in the versions that repo2docker names, from pip
instead of conda), runs `binder/postBuild` in a copy of this repository, starts JupyterLab
through `binder/start` and asks it for a chapter, and runs every notebook.  It takes a
gigabyte and many minutes, so it is no part of the tests.

With --torch, torch comes from pip beforehand: for a machine that reaches an index for pip,
but not the place where uv finds torch's CPU builds.
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


def try_server(run, port):
    """Start JupyterLab as Binder does; ask for a chapter and for the widgets' extensions."""
    server = run(
        *("binder/start", "jupyter-lab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--port={port}", f"--IdentityProvider.token={TOKEN}"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        popen=True,
    )
    try:
        home = f"http://127.0.0.1:{port}"
        status, page = ask(f"{home}/lab/tree/book/01_introduction.ipynb")
        told = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.S)[1])
        loaded = [extension["name"] for extension in told["federated_extensions"]]
        missing = [name for name in EXTENSIONS if name not in loaded]
        print(f"lab/tree/book/01_introduction.ipynb: {status}; extensions missing: {missing}")
        status, _ = ask(f"{home}/api/contents/book/01_introduction.ipynb?content=0")
        print(f"the notebook's contents: {status}")
        return not missing
    finally:
        server.terminate()
        server.wait(30)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch", action="store_true", help="torch from pip, beforehand")
    parser.add_argument("--port", type=int, default=8899)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir()
    repository, environment = folder / "repository", folder / "environment"
    copy_repository(repository)
    venv.create(environment, with_pip=True)
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    outside["PATH"] = f"{environment / 'bin'}{os.pathsep}{outside['PATH']}"

    def run(*command, popen=False):
        start = subprocess.Popen if popen else subprocess.run
        return start(command, cwd=repository, env=outside)

    def must(*command):
        began = time.monotonic()
        code = run(*command).returncode
        print(f"{' '.join(map(str, command))[:90]}: {time.monotonic() - began:.0f} s, exit {code}")
        if code:
            sys.exit(code)

    must("pip", "install", "--quiet", *image_packages("3.11"))
    if arguments.torch:
        must("pip", "install", "--quiet", "--constraint", "requirements.txt", "torch")
    must("binder/postBuild")
    must("binder/start", "python", "-c", "import os; print(os.environ['OMP_NUM_THREADS'])")
    must("python", "-c", "import adam_course; print(adam_course.__file__)")
    failed = [] if try_server(run, arguments.port) else ["the server"]
    for path in chapters():
        began = time.monotonic()
        code = run("binder/start", "jupyter", "execute", path.relative_to(ROOT)).returncode
        print(f"{path.stem}: {time.monotonic() - began:.0f} s, exit {code}", flush=True)
        failed += [path.stem] * (code != 0)
    print("failed:", ", ".join(failed) or "nothing")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
