# Needs Python 3.11 or newer, and nothing else: everything goes into .venv. Choose another with make PYTHON=…
PYTHON ?=
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check

# The tests start hundreds of processes: each would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: prove check test systems lint docs links nightly oldest bench clean

# Prove the rules of this repository's own project on the embedded server.
prove: .venv/installed
	.venv/bin/harness test --target embedded
	.venv/bin/harness coverage --target embedded

# For every few minutes of work: lint, types, and the tests that start no server and take no seconds.
check: .venv/developed
	.venv/bin/ruff check --quiet .
	.venv/bin/ruff format --quiet --check .
	.venv/bin/mypy
	$(PYTEST) --quiet -m "not server and not slow and not nightly" --ignore tests/cli --ignore tests/schema --ignore tests/mutation

# What a change of the tool has to pass. Nightly tests and checks are apart.
PYTEST = .venv/bin/pytest -n auto --maxprocesses 4 --dist worksteal
OF_SYSTEMS = tests/schema tests/mutation tests/cli/test_systems.py tests/types/test_packages.py
OF_PAGES = tests/docs tests/guides tests/test_site.py tests/types/test_docs_types.py tests/types/test_docs_repositories.py
test: .venv/developed .venv/node/installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(PYTEST) $(OF_SYSTEMS:%=--ignore=%) $(OF_PAGES:%=--ignore=%)

# What a change of the five systems has to pass besides: their tests by hand, and whether their checks notice mutants.
systems: .venv/developed .venv/node/installed
	$(PYTEST) $(OF_SYSTEMS)

lint: .venv/developed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/harness lint

# The pages of docs/ as a site, in which a link that leads nowhere is an error; and all that they show, run.
docs: .venv/developed .venv/node/installed
	.venv/bin/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build
	$(PYTEST) $(OF_PAGES)

# Whether the sites that pages lead to answer; it needs the network.
links: .venv/developed
	.venv/bin/sphinx-build --quiet --builder linkcheck docs docs/_build/links

nightly: .venv/developed .venv/node/installed
	$(PYTEST) -m "nightly or not nightly"
	.venv/bin/harness test --target embedded --profile nightly
	$(MAKE) oldest

# The tests with the oldest version of each dependency that pyproject.toml allows.
oldest: .venv/oldest/installed
	.venv/oldest/bin/python -m pytest -n auto --maxprocesses 4

# What the tool costs against what does the same by hand; bench/README.md has the method. Each also runs alone:
# .venv/bin/python -m bench.apply --help
BENCHES = apply lint single rows probes workers growth types sqlproof
bench: .venv/developed .venv/sqlproof/bin/python
	@for each in $(BENCHES); do echo "== $$each"; .venv/bin/python -m bench.$$each || exit; echo; done

clean:
	find .harness -mindepth 1 -maxdepth 1 ! -name schemas ! -name .gitignore -exec rm -rf {} +
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist .venv

# The stamps: set up again only when pyproject.toml has changed.
.venv/installed: pyproject.toml | .venv/bin/pip
	$(PIP) --editable .
	@touch $@

.venv/developed: pyproject.toml | .venv/bin/pip
	$(PIP) --editable '.[dev]'
	@touch $@ .venv/installed

# TypeScript, Zod and what else the tests of types run; exact versions, and no lock file.
.venv/node/installed: tests/types/node/package.json .venv/developed
	mkdir -p .venv/node
	cp tests/types/node/package.json .venv/node/
	.venv/bin/npm install --prefix .venv/node --no-package-lock --no-audit --no-fund --silent
	@touch $@

.venv/oldest/installed: pyproject.toml .ci/oldest.py | .venv/bin/pip
	.venv/bin/python -m venv --clear .venv/oldest
	.venv/bin/python .ci/oldest.py > .venv/oldest/constraints.txt
	.venv/oldest/bin/python -m pip install --quiet --disable-pip-version-check \
	    --constraint .venv/oldest/constraints.txt --editable '.[dev]'
	@touch $@

# Apart: nothing of ours needs it.
.venv/sqlproof .venv/sqlproof/bin/python: | .venv/bin/pip
	.venv/bin/python -m venv .venv/sqlproof
	.venv/sqlproof/bin/python -m pip install --quiet --disable-pip-version-check sqlproof==0.12.0

# A virtual environment, since Debian's Python refuses to install outside of one.
.venv/bin/pip:
	@if [ -n "$(PYTHON)" ]; then set -- "$(PYTHON)"; \
	else set -- python3 python3.14 python3.13 python3.12 python3.11; fi; \
	for python in "$$@"; do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        "$$python" -m venv --clear .venv && exit 0; \
	        echo "$$python cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 2; \
	    fi; \
	done; \
	echo "Python 3.11 or newer is needed, and none of these is: $$*. Install one, or say make PYTHON=/path/to/python3" >&2; \
	exit 2
