# Two commands do everything on a fresh Debian 12 machine with a Swift toolchain, installs included:
#     make bench    loads real files and compares the engines, in about two minutes
#     make test     lints, builds and runs all tests

PACKAGES := libpmem-dev libpmemobj-dev pkg-config
BENCH_PACKAGES := $(PACKAGES) wamerican
# File systems on loop devices, for tests that run as root.
TEST_PACKAGES := $(PACKAGES) xfsprogs btrfs-progs e2fsprogs

BENCH_PATH ?= /dev/shm
BENCH_KEYS ?= 200000
BENCH_ENGINES ?= pmemstore,libpmemobj
LOAD_ENGINE ?= $(firstword $(subst $(comma), ,$(BENCH_ENGINES)))
BENCH_OUT := bench-out
comma := ,

PMEMBENCH = .build/release/pmembench
LINTED := Package.swift Sources Tests

# The crash lab: seconds for each of its workers, and what they do.
CRASH_SECONDS ?= 240
CRASH_LENGTH ?= 2
CRASH_MUTANTS ?= 150
NIGHT_SECONDS ?= 28800

.PHONY: help build bench test lint unit-test thread-test crash-test crash-night format clean

help:
	@echo "make bench | test | crash-test | crash-night | build | lint | format | clean"

build:
	@scripts/check-swift
	@scripts/ensure-packages $(PACKAGES)
	swift build -c release --product pmembench

bench:
	@scripts/ensure-packages $(BENCH_PACKAGES)
	@$(MAKE) --no-print-directory build
	@scripts/bench $(PMEMBENCH) $(BENCH_PATH) $(BENCH_KEYS) $(BENCH_ENGINES) $(LOAD_ENGINE) $(BENCH_OUT)

test:
	@scripts/check-swift
	@scripts/ensure-packages $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory lint unit-test thread-test crash-test
	@echo "make test: lint, tests, ThreadSanitizer run and crash lab passed"

lint:
	swift format lint --strict --recursive $(LINTED)

unit-test:
	swift test

# The suites whose names contain Concurrent once more under ThreadSanitizer, in a build directory of their own.
thread-test:
	swift test --sanitize thread --scratch-path .build-tsan --filter Concurrent

# Crashes on simulated memory by the million, and mutants of the medium that must be noticed (docs/testing.md).
crash-test:
	swift build -c release --product crashlab
	scripts/crash-test .build/release/crashlab $(CRASH_SECONDS) $(CRASH_LENGTH) $(CRASH_MUTANTS)

# As crash-test, with all sequences of three steps and all mutants, for as long as one likes.
crash-night:
	swift build -c release --product crashlab
	scripts/crash-test .build/release/crashlab $(NIGHT_SECONDS) 3 0

format:
	swift format --in-place --recursive $(LINTED)

clean:
	rm -rf .build .build-tsan $(BENCH_OUT)
