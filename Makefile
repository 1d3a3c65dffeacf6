# Patrol Missions: the front door. `make help` lists the commands.
SHELL   := /bin/bash
PKG     := patrol_missions
BUILD   := build
STAGE   ?= $(BUILD)/stage
INSIDE  := processing_algorithms resources metadata.txt LICENSE $(foreach set,requirements requirements-cluster,$(set).txt $(set).lock)
VERSION  = $(shell sed -n 's/^version=//p' metadata.txt)
ENGINE  := $(BUILD)/venv-engine/bin/python
QGIS    := $(BUILD)/venv-qgis/bin/python
LINT    := $(BUILD)/venv-lint/bin

# What every run of the product from here needs to know; tests and demo need a file system that takes any name.
export PATROL_STAGE         := $(abspath $(STAGE))
export PATROL_ENGINE_PYTHON := $(abspath $(ENGINE))
export QGIS_PLUGINPATH      := $(abspath $(STAGE))
export PYTHONDONTWRITEBYTECODE := 1
test demo bench lint compat: export LC_ALL := C.UTF-8

.DEFAULT_GOAL := help
.PHONY: help setup stage demo qgis test compat lint zip wheel bench lock clean

help:  ## list these commands
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r verb text; do \
		printf '  make %-8s %s\n' "$$verb" "$$text"; done

setup:  ## QGIS and the Python environments that the other commands need; quick when they are there
	@tools/system.sh
	@python="$$(tools/qgis_python.sh)" && \
	tools/environment.sh $(BUILD)/venv-engine "$$python" requirements.lock requirements-cluster.lock tools/requirements/test.lock && \
	tools/environment.sh $(BUILD)/venv-qgis "$$python" --system-site-packages tools/requirements/test.lock

stage:  ## copy the tracked working files to where tests, zip, wheel and QGIS take the plugin from
	@rm -rf $(STAGE) && mkdir -p $(STAGE)/$(PKG)
	@tracked() { git ls-files -z -- "$$@" | while IFS= read -r -d '' f; do [ ! -e "$$f" ] || printf '%s\0' "$$f"; done; }; \
	set -o pipefail; \
	tracked $(PKG) | tar -c --null -T - | tar -x -C $(STAGE) && \
	tracked $(INSIDE) | tar -c --null -T - | tar -x -C $(STAGE)/$(PKG)
	@chmod -R u=rwX,go=rX $(STAGE)

demo: setup stage  ## plan tonight's missions in a made-up city, without a window: map, layers, project and summary in build/demo
	@QT_QPA_PLATFORM=offscreen $(QGIS) tools/demo.py $(BUILD)/demo

qgis: setup stage  ## open QGIS with the plugin as it is now, in a profile of its own
	@tools/open_qgis.sh $(BUILD)/profiles

test: setup stage  ## all tests: engine, house, QGIS without a window, QGIS in a window on a virtual screen
	@tools/test.sh $(BUILD)/logs

compat: stage  ## the QGIS tests on the QGIS of Debian trixie and sid (needs root and debootstrap; makes 6 GB in build/compat)
	@tools/compat.sh $(BUILD)/compat trixie sid

lint: setup zip $(LINT)  ## style, types, security and upload rules, what QGIS 3.22 lacks and what Qt 6 breaks
	@tools/lint.sh $(LINT) $(QGIS) $(STAGE)/$(PKG) dist/$(PKG)-$(VERSION).zip

zip: stage  ## the plugin as plugins.qgis.org and QGIS's “Install from ZIP” take it: dist/patrol_missions-<version>.zip
	@python3 tools/pack.py $(STAGE)/$(PKG) dist/$(PKG)-$(VERSION).zip

wheel: stage $(LINT)  ## the same code as a Python package for workers without QGIS: dist/patrol_missions-<version>-py3-none-any.whl
	@tools/wheel.sh $(STAGE)/$(PKG) $(LINT) dist

bench: setup stage  ## measure speed, memory and forecast quality beside peers
	@$(ENGINE) benchmarks/run.py

lock: $(LINT)  ## pin what the requirements files ask for anew, with hashes
	@tools/lock.sh $(LINT)/uv

clean:  ## remove everything that make has made, except systems made for compat
	@find $(BUILD) -mindepth 1 -maxdepth 1 ! -name compat -exec rm -rf {} + 2>/dev/null || true
	@rm -rf dist

.PHONY: $(LINT)
$(LINT):
	@tools/environment.sh $(BUILD)/venv-lint "$$(tools/qgis_python.sh)" tools/requirements/lint.lock
