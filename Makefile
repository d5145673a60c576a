# The front door. `make demo` shows it, `make test` proves it, `make bed` leaves real servers running to play with.

SWIFT ?= swift
FLAGS := -Xswiftc -warnings-as-errors
PYTHON := .build/venv/bin/python
BED := cd Tests/EndToEnd && $(CURDIR)/$(PYTHON) -m bed
FORMATTED := Sources Tests Benchmarks Package.swift

.PHONY: help demo test test-swift tsan test-fuzz test-end-to-end fuzz bed bed-down bench bench-million build lint format clean

help:
	@echo 'make demo [ARGS=--once]  a gateway over a few synthetic studies; asks itself for them and says what came back'
	@echo 'make build               the release executable, .build/release/wadogate'
	@echo 'make test                every test: Swift, and end to end against real servers'
	@echo 'make tsan                the cache under load, under ThreadSanitizer'
	@echo 'make fuzz [SECONDS=60]   fuzzes every reader of foreign bytes for so long each; HARNESSES=… for some of them'
	@echo 'make bed, make bed-down  two archives, a FHIR server and the gateway on loopback, loaded; and their end'
	@echo 'make bench [ARGS=--json]  speed and memory of parsing, DICOM JSON, rewriting, and a series’ metadata; and what'
	@echo '                         the cache saves beside nginx’s'
	@echo 'make bench-million [OBJECTS=1000000]  start, memory, look-up and purge of a cache with that many objects'
	@echo 'make lint, make format   style, imports, forbidden words; and the formatter'

demo: build
	.build/release/wadogate demo $(ARGS)

build:
	@Scripts/install build
	$(SWIFT) build -c release --product wadogate $(FLAGS)

test: test-swift test-fuzz test-end-to-end

# The unit tests' servers and timers want the cores to themselves, so the two kinds run one after the other. Several tests
# at once would hold all of Swift's few threads in their blocking clients, and a test that needs one more would wait for them.
test-swift:
	@Scripts/install build
	$(SWIFT) test --disable-xctest --no-parallel $(FLAGS)

# Under ThreadSanitizer, in a build folder of its own: 64 clients on random objects and ranges during eviction and purge.
tsan:
	@Scripts/install build
	$(SWIFT) test --disable-xctest --no-parallel --sanitize=thread --scratch-path .build/tsan --filter StressTests

# Long enough to read the corpus, and to notice what breaks at once.
test-fuzz:
	@Scripts/install build
	@Scripts/fuzz 2

fuzz:
	@Scripts/install build
	@Scripts/fuzz $(or $(SECONDS),60) $(HARNESSES)

test-end-to-end: build
	@Scripts/install test
	$(PYTHON) -m pytest Tests/EndToEnd $(ARGS)

bed: build
	@Scripts/install test
	@$(BED) up

bed-down:
	@if [ -x $(PYTHON) ]; then $(BED) down; else echo 'No bed is up.'; fi

# Only the figures go to standard output.
bench:
	@Scripts/install bench >&2
	@$(SWIFT) build -c release --product wadogate $(FLAGS) >&2
	@$(SWIFT) build -c release --product Benchmarks $(FLAGS) >&2
	@$(PYTHON) Benchmarks/bench.py $(ARGS)

# The tree takes a few gigabytes and minutes, so it stands apart. The first start finds no database, the second one does.
bench-million:
	@Scripts/install build >&2
	@$(SWIFT) build -c release --product MillionObjects $(FLAGS) >&2
	@FOLDER=$$(mktemp -d) && trap 'rm -rf '"$$FOLDER" EXIT \
	    && .build/release/MillionObjects make "$$FOLDER" $(or $(OBJECTS),1000000) \
	    && for start in unclean clean; do echo "-- $$start"; \
	        .build/release/MillionObjects measure "$$FOLDER" $(or $(OBJECTS),1000000) || exit 1; done

lint:
	@Scripts/install lint
	$(SWIFT) format lint --strict --recursive --parallel $(FORMATTED)
	Scripts/check-imports
	Scripts/check-words

format:
	$(SWIFT) format --in-place --recursive --parallel $(FORMATTED)

clean: bed-down
	rm -rf .build
