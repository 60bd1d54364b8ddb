# The Adam course.  On a machine with Python 3.11 or newer and make: `make book`, `make test`.

PYTHON ?= python3
NOTEBOOKS ?=
PORT ?= 8000

BIN := .venv/bin
READY := .venv/.ready
BUILT := _build/.built

# One thread: two busy threads on two cores are many times slower, and one is reproducible.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

# What the book is made of: its pages, and what stands around every page.
PAGES := $(shell find book -maxdepth 1 -type f -not -name '.*')
FRAME := $(shell find book/_ext book/_static $(wildcard adam_course/widgets) -type f -not -name '*.pyc') _config.yml _toc.yml
# Which repository and branch this is: the pages have buttons that lead there.
ORIGIN := $(wildcard .git/config .git/HEAD)

.PHONY: help cpu book zip pdf test lint lab serve notebooks lock clean
.DELETE_ON_ERROR:

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */  make \1\t/' | expand -t 18

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1):" \
	    "try make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

$(READY): requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# uv knows where torch's CPU builds lie; it is asked for torch alone, and pip keeps what is there.
cpu: $(BIN)/python  ## first of all, on Linux without a GPU: torch's CPU build, gigabytes less
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.txt uv
	$(BIN)/uv pip install --no-config --python $(BIN)/python --torch-backend cpu --constraint requirements.txt torch

# Sphinx does not see a change in its extensions or in static files: begin anew.
_build/.frame: $(READY) $(FRAME)
	@rm -rf _build
	@mkdir _build
	@touch $@

# Sphinx does not repeat a warning for a page that has not changed, so after a failed
# build its memory is thrown away: the next one fails again until the cause is gone.
$(BUILT): _build/.frame $(PAGES) $(ORIGIN)
	@rm -f $@
	@$(BIN)/jupyter-book build . -W -n --keep-going || { rm -rf _build/.doctrees; exit 1; }
	@touch $@

book: $(BUILT)  ## build the book to _build/html, warnings being errors
	@echo "The book is built. Open $(CURDIR)/_build/html/index.html"

zip: $(BUILT)  ## the book as one file to take along: _build/adam_course.zip
	@$(BIN)/python tools/offline_zip.py

pdf: $(BUILT)  ## the book on paper, with the solutions: _build/adam_course.pdf (needs Chromium)
	@$(BIN)/python tools/pdf.py

# A page shows 80 columns of code before it has to be scrolled.
lint: $(READY)  ## style of the Python code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --line-length 79 book/*.ipynb
	$(BIN)/ruff format --check --line-length 79 book/*.ipynb

test: lint $(BUILT)  ## everything: unit tests, doctests, notebooks, figures, the book, the browser
	$(BIN)/python -m pytest -n 2 --dist loadfile \
	  --doctest-modules --nbval --nbval-current-env --nbval-cell-timeout 60 \
	  --nbval-sanitize-with tests/sanitize.cfg \
	  adam_course book tests

lab: $(READY)  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab book

serve: $(BUILT)  ## serve the built book on this machine: make serve PORT=8000
	$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

notebooks: $(READY)  ## run and store every notebook: make notebooks NOTEBOOKS=book/02_algorithm.ipynb
	$(BIN)/python tools/notebooks.py $(NOTEBOOKS)

lock: $(READY)  ## pin in requirements.txt what pyproject.toml asks for
	$(BIN)/uv pip compile pyproject.toml --output-file requirements.txt --upgrade

clean:  ## remove what was built, keep the environment
	rm -rf _build
