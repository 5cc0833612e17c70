# The two commands of the README are `make course` and `make test`. Each target calls the knowpay-course command.
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)
PREFLIGHT := lib/knowpay/preflight.py
# The first Python that will do; without one, python3, to which preflight then says no in a sentence.
PYTHON ?= $(shell unset PYTHONPATH PYTHONHOME; for p in $(BIN)/python python3.13 python3.12 python3.11 python3 python; do \
	$$p $(PREFLIGHT) python 2>/dev/null && echo $$p && exit; done; echo python3)
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-compile
NBVAL := --nbval-lax --nbval-current-env -p xdist.plugin -n 2 --dist loadfile

export TF_CPP_MIN_LOG_LEVEL := 3
export PYTHONHASHSEED := 0
# pip leaves bytecode to the first import (47 s saved on 2 cores, 8 s spent later), so that import must write it.
unexport PYTHONDONTWRITEBYTECODE
# Of the reader's other projects: these would put packages elsewhere, or take them from there.
unexport PIP_USER PIP_TARGET PIP_PREFIX PYTHONPATH PYTHONHOME

.PHONY: here course lab test real book bench fuzz notebooks clean

course: .venv/ready  ## everything: the company, the lessons, the book, the scorecard
	$(BIN)/knowpay-course course

lab: .venv/ready  ## the lessons in JupyterLab
	$(BIN)/jupyter-lab notebooks

test: .venv/ready  ## unit tests, then every lesson run and compared with its stored output
	$(BIN)/python -m pytest -n 2 --dist worksteal tests
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(BIN)/python -m pytest -p nbval.plugin $(NBVAL) notebooks/*.ipynb

real: .venv/ready  ## what needs real data: its tests, and the lessons; KNOWPAY_DATA says where the data are
	$(BIN)/python -m pytest -n 2 -m real_data tests
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(BIN)/python -m pytest -p nbval.plugin $(NBVAL) notebooks/*.ipynb

book: .venv/ready  ## the book alone, from lessons already run
	$(BIN)/knowpay-course book

bench: .venv/ready $(if $(filter peers,$(GROUP)),.venv-peers/ready)  ## seconds and memory, into the README; GROUP=lessons, peers: see the command's help
	$(BIN)/knowpay-course bench $(or $(GROUP),--setup)

fuzz: .venv/ready  ## ten minutes of bytes, guided by coverage, against the adapters; on Linux, Python 3.11 to 3.13
	$(PIP) -q "atheris>=3"
	$(BIN)/python tests/fuzz/fuzz_adapters.py -max_total_time=600

notebooks: .venv/ready  ## execute notebooks/src/*.py and write notebooks/*.ipynb
	$(BIN)/knowpay-course notebooks build

clean:  ## what was built and generated; the packages in .venv stay
	rm -rf build datasets/cache .pytest_cache .ruff_cache .hypothesis

here:  # an environment that was moved or copied runs the commands of the old folder
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no Python here: install Python 3.13." >&2; exit 1; }
	@"$(PYTHON)" $(PREFLIGHT) place

# What is only measured against. The lock is complete: pip need not look for what else is wanted, and cannot for torch.
.venv-peers/ready: requirements-peers.lock | .venv/ready
	@echo "Setting up .venv-peers: some minutes, 3.8 GB to download and 7 GB of disk on Linux, where torch brings CUDA"
	@$(BIN)/python -m venv .venv-peers
	@$(subst .venv,.venv-peers,$(PIP)) --no-deps --require-hashes -r requirements-peers.lock
	@touch $@

.venv/ready: requirements.lock pyproject.toml | here
	@"$(PYTHON)" $(PREFLIGHT)
	@echo "Setting up .venv: a minute or two, and 0.6 GB to download the first time"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv .venv
	@$(PIP) --require-hashes -r requirements.lock && $(PIP) -q --no-deps --no-build-isolation -e . \
	|| { echo "The set-up stopped; pip says why above. The same command goes on where it stopped." >&2; exit 1; }
	@touch $@
