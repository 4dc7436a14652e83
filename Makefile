# On a fresh machine, `make demo` and `make test` are all that is needed. Both create their own .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install --quiet
PACKAGES := pointillist

.PHONY: demo test integration units ends kernels check lint types imports docs bounds test-wheel bench clean
.DELETE_ON_ERROR:

# The environment is made without its own pip, so that no more is needed than a Python that has pip.
$(VENV)/python:
	$(PYTHON) -m venv --without-pip $(VENV)
	@touch $@

$(VENV)/run $(VENV)/test $(VENV)/check $(VENV)/bench: $(VENV)/python pyproject.toml
$(VENV)/run:
	$(PIP) --editable .
	@touch $@
$(VENV)/test:
	$(PIP) --editable '.[test]'
	@touch $@
$(VENV)/check:
	$(PIP) --editable '.[test,lint,docs]'
	@touch $@
$(VENV)/bench:
	$(PIP) --editable '.[bench]' || $(PIP) --editable .  # peers that cannot be had are left out
	@touch $@

demo: $(VENV)/run  ## Simulate a movie, test the detection, analyse it on all cores, score and render the result
	@rm -rf demo && mkdir demo
	$(BIN)/pointillist simulate demo/movie.h5 --frames 2000 --structure filaments --seed 1
	$(BIN)/analyse demo/movie.h5 --test -o demo/detection.png
	$(BIN)/analyse demo/movie.h5 -o demo/movie.h5r
	$(BIN)/pointillist score demo/movie.h5r demo/movie.truth.h5
	$(BIN)/pointillist render demo/movie.h5r -o demo/movie.png

test: integration units ends  ## Run the tests
integration units ends: kernels
integration:
	$(BIN)/python -m pytest tests/integration
units:
	$(BIN)/python -m pytest tests/unit
ends:
	$(BIN)/python -m pytest tests/end_to_end
kernels: $(VENV)/test
	$(BIN)/python tests/compile_kernels.py

lint: $(VENV)/check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/check
	$(BIN)/mypy $(PACKAGES) tests benchmarks

imports: $(VENV)/check
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/check
	$(BIN)/sphinx-build --fail-on-warning --keep-going -q -E docs docs/_build/html

# Reads beyond the end of an array return garbage unless the compiler checks the bounds.
KERNEL_TESTS := $(addprefix tests/unit/test_,background.py centroid.py chunks.py dcnum_background.py detection.py \
	detectors.py fit_kernels.py gaussian_fit.py lanes.py live_background.py local_maximum.py localize.py medians.py \
	neighbours.py pixel_weights.py sparse_median.py wavelet.py)
# Compiled vector lanes must give the same results as plain Python.
PLAIN_TESTS := $(addprefix tests/unit/test_,fit_kernels.py fit_laws.py lanes.py)
bounds: $(VENV)/test
	NUMBA_BOUNDSCHECK=1 $(BIN)/python -m pytest -q $(KERNEL_TESTS)
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q $(PLAIN_TESTS)

check: lint types imports docs bounds test  ## All checks and tests

# The suite against the wheel, in an environment and a folder of its own, among files that have the names of our rooms and
# of Python's own modules. A random.py on PYTHONPATH would stop pytest itself; tests of our commands have one there.
test-wheel:
	rm -rf build/wheel && mkdir -p build/wheel/cli build/wheel/foreign/cli
	$(PYTHON) -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv --without-pip build/wheel/venv
	$(PYTHON) -m pip --python build/wheel/venv/bin/python --disable-pip-version-check install --quiet \
		"$$(ls build/wheel/*.whl)[test]"
	cp -r tests pyproject.toml README.md CHANGELOG.md docs build/wheel/
	cd build/wheel && for name in cli/__init__ fitting random foreign/cli/__init__ foreign/fitting; do \
		echo 'raise SystemExit("a foreign module was imported")' > $$name.py; done
	cd build/wheel && PYTHONSAFEPATH=1 PYTHONPATH="$$PWD/foreign" venv/bin/python -m pytest $(TESTS)

BENCHMARKS := fits detection background frames reading throughput overhead accuracy scale chaos
bench: $(VENV)/bench $(VENV)/test  ## Measure speed and accuracy, compared with other programs: the figures of docs/reference/performance.md
	@for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py || exit; done

clean:
	rm -rf $(VENV) build dist demo docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis
