# Two to begin with: `make demo` and `make test`. Each sets up .venv first if it has to.
.PHONY: demo test test-all test-modes operator-trial fuzz check bench judge calibration figures docs setup install lock format clean
PY := .venv/bin/python

demo: .venv/.installed
	@.venv/bin/ims demo

# What a commit must pass. CONTRIBUTING.md has a table of what runs when.
test: setup .venv/.spark
	@$(PY) -m tests.warm
	@$(PY) -m pytest --junitxml=build/junit.xml --durations=15

# Nightly and before a release: all of every cross product, all of Hypothesis's examples, kernels in their other modes.
test-all: setup .venv/.spark
	@$(PY) -m tests.warm
	@if [ "$$(id -u)" = 0 ] && command -v debootstrap >/dev/null; then :; else \
		echo "test-all: without root and debootstrap the operator's trial is left out" >&2; fi
	@$(PY) -m pytest --junitxml=build/junit-all.xml --durations=50 -m '' --hypothesis-profile=all
	@$(PY) -m tests.modes -m '' --hypothesis-profile=all
	@.ci/demo private

# Kernels as plain Python, and with every bounds check on.
test-modes: setup
	@$(PY) -m tests.modes

# An operator's first day, as the documents print it, on Debian machines that boot systemd: as root, with debootstrap.
operator-trial: setup
	@IMS_TESTS_SKIP_NOTHING=1 $(PY) -m pytest tests/trial -n 0 -v -m '' --durations=15

# Everything, with other random examples each time.
fuzz: setup .venv/.spark
	@$(PY) -m pytest -m '' --hypothesis-profile=fuzz

check: setup
	@$(PY) -m ruff check src tests benchmarks calibration scripts
	@$(PY) -m ruff format --check src tests benchmarks calibration scripts
	@$(PY) -m mypy
	@.venv/bin/lint-imports
	@$(PY) scripts/check_structure.py

bench: setup .venv/.spark
	@$(PY) -m benchmarks

# Any folder of captures, read by ims, tshark and tcpdump: make judge DIR=/var/captures
judge: setup
	@test -n "$(DIR)" || { echo "expected a folder of captures: make judge DIR=/var/captures" >&2; exit 2; }
	@$(PY) -m benchmarks.judge "$(DIR)" $(ARGS)

# How often intervals hold the truth, into docs/calibration.md: all, or some: make calibration ARGS="--only circadian-quiet --seeds 10"
calibration: setup
	@$(PY) -m calibration $(ARGS)

# The paper's figures from re-created traffic, into docs/figures: all, or some: make figures ONLY="rate"
figures: setup
	@$(PY) scripts/draw_figures.py $(ONLY)

docs: setup
	@$(PY) scripts/generate_docs.py
	@$(PY) scripts/draw_architecture.py
	@$(PY) -m mkdocs build --strict --quiet --site-dir site
	@echo "site/index.html"

format: setup
	@$(PY) -m ruff check --fix src tests benchmarks calibration scripts
	@$(PY) -m ruff format src tests benchmarks calibration scripts

# As root, for all users of this machine and for services: /opt/ims, ims on PATH. docs/sensor.md goes on from there.
# Elsewhere: make install PREFIX=/srv/ims
install:
	@sh scripts/install.sh

# The newest versions that pyproject.toml allows, and their hashes, into packaging/lock.txt: what is tested and installed.
lock:
	@sh scripts/lock.sh

setup: .venv/.ready

# Set up again where the checkout was moved, for what is in .venv names its old place, or where Python is gone.
ifneq ($(shell [ -x .venv/bin/python ] && cat .venv/.installed 2>/dev/null),$(shell pwd))
.PHONY: .venv/.installed
endif

.venv/.installed: pyproject.toml packaging/lock.txt scripts/setup.sh scripts/python.sh
	@sh scripts/setup.sh

# What the project is tested with, which a demo needn't wait for.
.venv/.ready: .venv/.installed
	@sh scripts/setup.sh dev

# 400 MB, which a demo needn't wait for.
.venv/.spark: .venv/.ready
	@$(PY) -m pip install --quiet --disable-pip-version-check --constraint .venv/constraints.txt --editable '.[spark]'
	@touch .venv/.spark

clean:
	rm -rf .venv site demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
