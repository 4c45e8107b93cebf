# The front door. `make report` and `make test` set up everything they need in .venv.
PRESET ?= quick
ARGS ?=
DATASET ?= digits
PYTHON ?= python3
# Weekly, CI takes the newest of everything instead: make test REQUIREMENTS=newest.txt LOCK=
REQUIREMENTS ?= requirements.txt
LOCK ?= $(wildcard requirements.lock)
VENV := .venv
BIN := $(VENV)/bin
# Pages link the report and the PDF where `make site` has put them beside the pages.
export BOOK_SITE := $(if $(wildcard _build/html/book.pdf),yes)
# Whatever the locale, what Python writes for other programs is in UTF-8.
export PYTHONUTF8 := 1
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))

.PHONY: help setup venv lock report book course lab browser playwright pdf site site-check live-check test check colab-check benchmark clean

help:
	@echo "make report [PRESET=quick|mnist|full]                   run the chapters and write the replication report"
	@echo "make report ARGS='--set seed=3'                         the same with another parameter of the chapters"
	@echo "make report PRESET=full FROM_SCRATCH=1                  the same, every recorded experiment computed anew first"
	@echo "make book                                               build the site in _build/html"
	@echo "make lab                                                open the chapters in JupyterLab, to run and to change them"
	@echo "make course [ARGS=--check]                              student copies and complete ones of the chapters, in _build/course"
	@echo "make pdf [SOLUTIONS=no]                                 print the book to _build/book.pdf; needs Chromium"
	@echo "make site                                               the book, its PDF and the full report, as they are published"
	@echo "make site-check                                         look for barriers and requests in the site; needs Chromium"
	@echo "make live-check [ARGS='--browser firefox']              the page with the network on it: equal to Python, every control; needs Chromium"
	@echo "make test                                               run the tests (RSTDP_DATA=folder adds those on MNIST)"
	@echo "make check                                              style (ruff), types (mypy) and which module may import which"
	@echo "make colab-check [ARGS='--folder F book/01-*.ipynb']    run every chapter, or some, as Colab would: without the repository"
	@echo "make benchmark [DATASET=mnist]                          time every stage, against SpykeTorch and Spyker where they can be imported"
	@echo "make clean                                              remove what make made, but for the checkpoints in report/work"

setup: $(VENV)/.ready

# A .venv that is half made, or whose Python has gone or is too old, is made anew.
SOUND := $(shell $(BIN)/python -c 'import pip, sys; print(sys.version_info >= (3, 11))' 2>/dev/null)
venv:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: this needs Python 3.11 or newer, and \
	$(PYTHON) is %d.%d; name another: make setup PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv --clear $(VENV)

# Without CUDA on Linux, the CPU build of torch saves gigabytes: install it into .venv first (README).
$(VENV)/.ready: $(REQUIREMENTS) $(LOCK) $(if $(filter True,$(SOUND)),,venv)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(REQUIREMENTS) $(addprefix -c ,$(LOCK))
	$(BIN)/python -m ipykernel install --sys-prefix --name python3 >/dev/null
	touch $@

# Versions that are locked stay, where requirements.txt still allows them; to renew all, remove the file first.
lock: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header requirements.txt -o requirements.lock
	sed -i '1i # What comes with requirements.txt, exactly; written by `make lock`, used as constraints by `make setup`.' requirements.lock

report: $(VENV)/.ready
	$(BIN)/python -m report build --preset $(PRESET) $(ARGS)

book: $(VENV)/.ready
	$(BIN)/jupyter-book build . -W -n --keep-going
	@test -f _build/html/book/07-the-whole-network.html && echo "open _build/html/index.html"

course: $(VENV)/.ready
	$(BIN)/python book/_ext/course.py $(ARGS)

lab: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check jupyterlab==4.6.6 jupyterlab-myst==2.7.0
	$(BIN)/jupyter lab --notebook-dir book $(ARGS)

browser: $(VENV)/.ready
	@$(BIN)/python book/_ext/print_book.py

# The second builder finds the chapters as the first has left them, so none runs twice.
pdf: browser book
	$(BIN)/jupyter-book build . --builder singlehtml -W -n --keep-going
	$(BIN)/python book/_ext/print_book.py _build/singlehtml _build/book.pdf $(if $(filter no,$(SOLUTIONS)),--without-solutions)

site: export BOOK_SITE := yes
site: pdf
	$(BIN)/python -m report build --preset full
	$(BIN)/python book/_ext/print_book.py _build/singlehtml _build/html/book-without-solutions.pdf --without-solutions
	$(BIN)/python book/_ext/course.py _build/html/course
	cp _build/book.pdf _build/html/
	cp report/replication-report-full.html _build/html/replication-report.html
	cd report && cp --parents replication-report-full.claims.json results/*/*.csv results/*/*.json reference/* PROTOCOL.md LETTER.md output/full/[0-9]*.ipynb \
	  ../_build/html/  # what the report links, where it looks for it

site-check: playwright browser book
	$(BIN)/python tests/site_check.py $(ARGS)

playwright: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check axe-playwright-python==0.1.8 playwright==1.65.2 websockets==17.4

live-check: playwright browser book
	$(BIN)/python tests/live_check.py $(ARGS)

test: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

colab-check:
	$(PYTHON) tests/colab_check.py $(ARGS)

benchmark: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m report run benchmark --dataset $(DATASET) --out report/output/benchmark

clean:
	rm -rf $(VENV) _build report/output report/replication-report-* .pytest_cache .hypothesis .ruff_cache .mypy_cache
	find . -name __pycache__ -not -path "./.git/*" -prune -exec rm -rf {} +
	@if [ -d report/work ]; then echo "kept report/work: checkpoints of runs that took long; remove it by hand"; fi
