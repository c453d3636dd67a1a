# Two commands do everything on a fresh Debian 12 machine with a Swift toolchain, installs included:
#     make bench    loads real files and compares the engines, in about two minutes
#     make test     lints, builds and runs all tests

PACKAGES := libpmem-dev libpmemobj-dev pkg-config
# Engines that pmembench compares with, and the package traits that build them in.
ENGINE_PACKAGES := liblmdb-dev librocksdb-dev libsqlite3-dev libleveldb-dev
ENGINE_TRAITS := --traits LMDB,RocksDB,SQLite,LevelDB
BENCH_PACKAGES := $(PACKAGES) $(ENGINE_PACKAGES) wamerican gnuplot-nox
# File systems on loop devices, for tests that run as root.
TEST_PACKAGES := $(PACKAGES) $(ENGINE_PACKAGES) xfsprogs btrfs-progs e2fsprogs

BENCH_PATH ?= /dev/shm
BENCH_KEYS ?= 200000
BENCH_ENGINES ?= pmemstore,libpmemobj,libpmemobj-hash,lmdb,lmdb-writemap,rocksdb,sqlite,leveldb
LOAD_ENGINE ?= $(firstword $(subst $(comma), ,$(BENCH_ENGINES)))
# Of `make figures`, which rewrites the tables of README and docs.
FIGURE_KEYS ?= 1000000
FIGURE_ROUNDS ?= 5
FIGURE_ENGINES ?= pmemstore,libpmemobj,libpmemobj-hash,lmdb,lmdb-writemap,rocksdb
FIGURE_FILES := README.md docs/benchmark.md
BENCH_OUT := bench-out
comma := ,

PMEMBENCH = .build/release/pmembench
LINTED := Package.swift Sources Tests

FUZZ_SECONDS ?= 30

.PHONY: help build bench figures test lint unit-test thread-test fuzz coverage audit format clean

help:
	@echo "make bench | figures | test | build | lint | fuzz | coverage | audit | format | clean"

build:
	@scripts/check-swift
	@scripts/ensure-packages $(PACKAGES)
	swift build -c release --product pmembench

bench:
	@scripts/ensure-packages $(BENCH_PACKAGES)
	@scripts/check-swift
	swift build -c release --product pmembench $(ENGINE_TRAITS)
	@scripts/bench $(PMEMBENCH) $(BENCH_PATH) $(BENCH_KEYS) $(BENCH_ENGINES) $(LOAD_ENGINE) $(BENCH_OUT)

# Compares at full size, draws the plots and rewrites the tables. Takes long: half an hour on two cores.
figures:
	@scripts/ensure-packages $(BENCH_PACKAGES)
	@scripts/check-swift
	swift build -c release --product pmembench $(ENGINE_TRAITS)
	@mkdir -p $(BENCH_OUT)
	$(PMEMBENCH) compare --path $(BENCH_PATH) --keys $(FIGURE_KEYS) --rounds $(FIGURE_ROUNDS) --batch-size 100 \
		--engine $(FIGURE_ENGINES) --output $(BENCH_OUT)/figures.json
	$(PMEMBENCH) report $(BENCH_OUT)/figures.json --directory $(BENCH_OUT)/figures \
		$(addprefix --markdown ,$(FIGURE_FILES))

test:
	@scripts/check-swift
	@scripts/ensure-packages $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory lint unit-test thread-test
	@echo "make test: lint, tests and ThreadSanitizer run passed"

lint:
	swift format lint --strict --recursive $(LINTED)

unit-test:
	swift test $(ENGINE_TRAITS)

# The suites whose names contain Concurrent once more under ThreadSanitizer, in a build directory of their own.
thread-test:
	swift test --sanitize thread --scratch-path .build-tsan --filter Concurrent

# Inputs of libFuzzer's making, FUZZ_SECONDS for each target.
fuzz:
	@scripts/ensure-packages $(PACKAGES)
	scripts/fuzz $(FUZZ_SECONDS) image operations

# Which regions of the engine the tests run.
coverage:
	@scripts/ensure-packages $(TEST_PACKAGES)
	scripts/coverage

# The release build under valgrind: no unknown instruction, no store around the medium, none after the fence.
audit:
	@scripts/ensure-packages $(PACKAGES) valgrind
	scripts/audit

format:
	swift format --in-place --recursive $(LINTED)

clean:
	rm -rf .build .build-tsan .build-fuzz .build-coverage fuzz-out $(BENCH_OUT)
