# The two commands of the README are `make demo` and `make test`; everything else is a part of them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := artifacts/out
BUNDLES := $(OUT)/sample-4MB-litert.ofab $(OUT)/sample-4MB-executorch.ofab
# Shopper 12355 of the sample data, which are public: what was bought before the validation item, oldest first.
SHOPPER := 22693,23076,23077,22890,22649,22423,85040A,22699,22697,22698,72802A

# The fast tests try a few examples of each property; in `make test` they try many and their coverage is measured.
FAST := --hypothesis-profile=fast
# Compiled modules are kept, whatever the environment says: without them every process compiles PyTorch again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo apk test check lint types fast docs optional format benchmark sample golden clean

help: ## Show the targets.
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# uv installs the same packages as pip, in seconds instead of minutes; pip is the fallback.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ofa-export needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade uv || true
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e ".[all,dev]" \
	  || $(BIN)/python -m pip install --quiet -c constraints.txt -e ".[all,dev]"
	touch $@

demo: $(VENV)/installed ## Bundle the sample at 4 MB for both runtimes, validate, rank for a real shopper.
	mkdir -p $(OUT)
	$(BIN)/ofa-export bundle --budget 4MB -o $(OUT) --force
	$(BIN)/ofa-export validate $(BUNDLES)
	$(BIN)/ofa-export run $(OUT)/sample-4MB-litert.ofab --history $(SHOPPER)
	$(BIN)/ofa-export run $(OUT)/sample-4MB-executorch.ofab --history $(SHOPPER)

$(BUNDLES) &: $(VENV)/installed
	mkdir -p $(OUT)
	$(BIN)/ofa-export bundle --budget 4MB -o $(OUT) --force

apk: $(BUNDLES) ## The Android demo app with these bundles inside: artifacts/out/demo.apk.
	$(BIN)/ofa-export apk $(BUNDLES) -o $(OUT)/demo.apk --force

check: $(VENV)/installed ## Format, lint, types, imports, the site and the fast tests; under a minute.
	$(MAKE) --jobs=3 --output-sync=target lint types docs fast

lint: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/installed
	$(BIN)/mypy

fast: $(VENV)/installed
	$(BIN)/pytest -q -n 2 --dist worksteal --durations=25 $(FAST) \
	  --jaxtyping-packages=ofa_export.model,beartype.beartype -m "not integration and not slow and not android"

test: $(VENV)/installed ## Everything: the fast tier, then conversions, training, kills and whole commands.
	$(MAKE) check FAST="--hypothesis-profile=thorough --cov --cov-report=term:skip-covered"
	$(BIN)/pytest -q -n 2 --durations=25 --dist loadfile --no-loadscope-reorder \
	  -m "(integration or slow or android) and not optional"
	mkdir -p $(OUT)
	$(BIN)/ofa-export validate 'artifacts/golden/**/*.ofab' --junit $(OUT)/report.xml --html $(OUT)/report.html --force

docs: $(VENV)/installed ## The documentation site: artifacts/out/site/index.html.
	# Not --quiet: what it does not print, --strict does not see.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

optional: $(VENV)/installed ## Tests too long for `make test`; ExecuTorch on arm64 fetches half a gigabyte.
	$(BIN)/pytest -q -m optional

format: $(VENV)/installed ## Format and sort imports.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: $(VENV)/installed ## Speed, as ratios in one run.
	$(BIN)/python benchmarks/bundle_speed.py
	$(BIN)/python benchmarks/device_overhead.py

sample: $(VENV)/installed ## Train the sample checkpoint again (about seven minutes).
	$(BIN)/ofa-export train online-retail -o artifacts/sample --recipe base --seed 0 --force

golden: $(VENV)/installed ## Make the golden bundles again, after new tools or a new sample.
	$(BIN)/ofa-export bundle --budget 420KB --recipe artifacts/golden/recipe.yaml -o artifacts/golden --force

clean: ## Remove the environment and all output.
	rm -rf $(VENV) $(OUT)
