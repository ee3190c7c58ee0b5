# Every command that works on this checkout. `make` alone lists them.
#
# Needs python3 (3.11 or newer) and make. Everything else is fetched: Python packages into .venv, as
# requirements.lock pins them by hash; Debian packages with apt-get, as root or through `sudo -n`.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.ONESHELL:
.SHELLFLAGS := -ec

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Debian packages that tests call, beside those that `staithe lab setup` installs for the lab itself.
TEST_PACKAGES := busybox gnupg rpm vagrant vagrant-libvirt

DEMO_BUNDLE := .staithe/lab/bundle
DEMO_ENGINE := 28.5.2
DEMO_IMAGE := staithe-smoke-1.tar

# Shell: install the Debian packages that are missing, saying so.
define install_packages
for package in $(1); do
    dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"
done
if [ -n "$$missing" ]; then
    command -v apt-get >/dev/null || { echo "this system has no apt-get; install yourself:$$missing" >&2; exit 1; }
    echo "== apt-get install$$missing"
    root=; [ "$$(id -u)" = 0 ] || root="sudo -n"
    install() { $$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$missing >/dev/null; }
    # Lists that are missing, or older than what is installed, make it fail: then they are fetched, once.
    install 2>/dev/null || { $$root apt-get -qq update; install; }
fi
endef

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r target text; do
	    printf '  make %-11s %s\n' "$$target" "$$text"
	done

.PHONY: setup
setup: $(READY) ## Make .venv as requirements.lock says.

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
	    echo "staithe needs Python 3.11 or newer; found: $$($(PYTHON) -V 2>&1 || true)" >&2; exit 1; }
	# Debian's python3 has no ensurepip, without which a venv has no pip.
	if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then
	    $(call install_packages,python3-venv)
	fi
	echo "== making $(VENV) from requirements.lock"
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(READY)

.PHONY: debian
debian:
	@[ "$$(uname -s)" = Linux ] && command -v apt-get >/dev/null || {
	    echo "the lab needs Debian 12 or 13; this is $$(uname -s) without apt-get. Use virtual machines: vagrant up" >&2
	    exit 1; }

.PHONY: lab
lab: debian $(READY) ## Prepare the lab on this machine (once).
	@echo "== preparing the lab (the first time takes a minute or two)"
	$(BIN)/staithe lab setup

.PHONY: demo
demo: lab ## Boot a host, apply twice, show what happened.
	@artifacts=$$($(BIN)/staithe lab artifacts)
	engine=$$(echo "$$artifacts" | grep '/docker-$(DEMO_ENGINE)\.tgz$$')
	image=$$(echo "$$artifacts" | grep '/$(DEMO_IMAGE)$$')
	run() { printf '\n$$ %s\n' "$$*"; "$$@"; }
	run $(BIN)/staithe lab up 1 --registry
	run $(BIN)/staithe lab reset h1
	run $(BIN)/staithe bundle build --force --out $(DEMO_BUNDLE) --engine "$$engine" --image "$$image"
	key=$$($(BIN)/staithe lab status --json | sed -n 's/.*"signing_key": "\(.*\)".*/\1/p')
	run $(BIN)/staithe bundle sign $(DEMO_BUNDLE) --key "$$key"
	run $(BIN)/staithe plan inventories/lab.py
	run $(BIN)/staithe apply inventories/lab.py --yes
	echo; echo "The same again: nothing is left to do."
	run $(BIN)/staithe apply inventories/lab.py --yes
	run $(BIN)/staithe status inventories/lab.py
	echo
	echo "Every command of every run, with its output: .staithe/runs/  (staithe logs)"
	echo "Log in to the host: $(BIN)/staithe lab ssh h1   Take everything away: make demo-clean"

.PHONY: demo-clean
demo-clean: $(READY) ## Take every trace of the demo away: host, bundle, run records, the lab's caches.
	@$(BIN)/staithe lab down --purge
	rm -rf .staithe
	echo "Left: $(VENV), and the Debian packages that were installed."

.PHONY: lint
lint: $(READY)
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: test-packages
test-packages:
	@$(call install_packages,$(TEST_PACKAGES))

.PHONY: check
check: lint test-packages ## Lint, types and all tests that need no lab.
	@$(BIN)/pytest -m "not lab" -n 2

.PHONY: test
test: lint test-packages lab ## Lint, types, all tests, the lab's too, but for test-thorough.
	@$(BIN)/pytest -m "not lab" -n 2
	# Two labs side by side: what one waits for leaves the cores to the other. The files of the suite stay whole.
	$(BIN)/pytest -m "lab and not thorough" -n 2 --dist loadfile --durations=15

.PHONY: test-thorough
test-thorough: test-packages lab ## The cases with packages that make test leaves out; 15 minutes.
	@$(BIN)/pytest -m thorough -n 2 --dist loadfile --durations=15

.PHONY: bench
bench: test-packages lab ## Measure against floors of the same run, and print one table (docs/performance.md); ten minutes.
	@$(BIN)/python -m tests.bench

.PHONY: docs
docs: $(READY) ## Write again what is made from the code: docs/config.md, bundle-toml.md, errors.md, schemas/, ...
	@$(BIN)/staithe config docs > docs/config.md
	$(BIN)/staithe config docs --group-data > inventories/group_data/all.py
	$(BIN)/staithe bundle docs > docs/bundle-toml.md
	$(BIN)/staithe explain --markdown > docs/errors.md
	mkdir -p docs/schemas
	for name in $$($(BIN)/staithe schema); do $(BIN)/staithe schema $$name > docs/schemas/$$name.json; done

.PHONY: lock
lock: $(READY) ## Resolve the dependencies again into requirements.lock.
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-emit-index-url \
	    --quiet -o requirements.lock
	# What travels in the wheel, for `staithe bundle controller`: the same versions, without what develops it.
	$(BIN)/uv pip compile pyproject.toml --extra bundle --universal --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header --quiet -c requirements.lock -o staithe/wheelhouse/controller.lock
