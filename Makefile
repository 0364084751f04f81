# Two commands for a newcomer: `make run` (the camera page) and `make test`. Only Python 3.11 or newer is needed.
PYTHON ?= python3
BIN := .venv/bin
GRAPH ?= graphs/webrtc_replace.yaml

.PHONY: run test gpu-test bench bench-pages docs quick lint types clean

run: .venv/installed
	$(BIN)/bgflow models pull u2netp
	$(BIN)/bgflow run $(GRAPH)

test: .venv/tested
	$(BIN)/bgflow models pull u2netp
	$(BIN)/python -m pytest

# Everything that needs an NVIDIA GPU, in under 8 minutes: the tests, then the figures of docs/gpu.md.
gpu-test: .venv/gpu
	$(BIN)/bgflow models pull u2netp u2net
	$(BIN)/python -m pytest -m gpu
	$(BIN)/python -m bgflow.bench.gpu --seconds 240

# Speed beside peers, on this machine: suite after suite into bench/results/suites/ (SUITES="kernels scale" measures
# only those), then the tables and pictures of all of them into bench/results/, docs/performance.md and the README.
SUITES ?= $(shell $(BIN)/bgflow bench --list | cut -d' ' -f1)
RESULTS := bench/results

bench: .venv/tested
	mkdir -p $(RESULTS)/suites
	for suite in $(SUITES); do $(BIN)/bgflow bench $$suite --json $(RESULTS)/suites/$$suite.json || failed=1; done; \
	$(MAKE) bench-pages && test -z "$$failed"

# The pages alone, from what was measured before.
bench-pages:
	$(BIN)/bgflow bench --merge $(RESULTS)/suites --json $(RESULTS)/bench.json --html $(RESULTS)/bench.html \
	  --pictures $(RESULTS) --markdown docs/performance.md --markdown README.md

# The documentation as a site that opens from the disk, build/site/index.html; --strict: a broken link is an error.
docs: .venv/docs
	$(BIN)/python -m docs.reference build
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file build/mkdocs.yml

quick: .venv/tested
	$(BIN)/python -m pytest -m "not slow and not browser"

lint: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Type checkers cannot follow the folder mapping of a checkout, so the built wheel is checked.
types: .venv/tested
	rm -rf build
	$(BIN)/pip wheel -q --no-deps -w build/wheel .
	$(BIN)/pip install -q --no-deps --target build/typed build/wheel/*.whl
	cd build/typed && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p bgflow

.venv/installed: pyproject.toml
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q -e .
	touch $@

.venv/tested: .venv/installed
	$(BIN)/pip install -q -e ".[test]"
	touch $@

.venv/docs: .venv/installed
	$(BIN)/pip install -q -e ".[docs]"
	touch $@

.venv/gpu: .venv/tested
	$(BIN)/pip install -q -e ".[cuda,test]"
	touch $@

clean:
	rm -rf .venv build dist out artifacts *.egg-info
