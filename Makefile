# Two commands do everything on a fresh Debian 12 machine with a Swift toolchain, installs included:
#     make bench    loads real files and compares the engines, in about two minutes
#     make test     lints, builds and runs all tests
#     make test-dax runs the tests of the medium on real DAX, in a guest with an emulated NVDIMM (make test does it too)

PACKAGES := libpmem-dev libpmemobj-dev pkg-config
# Engines that pmembench compares with, and the package traits that build them in.
ENGINE_PACKAGES := liblmdb-dev librocksdb-dev libsqlite3-dev libleveldb-dev
ENGINE_TRAITS := --traits LMDB,RocksDB,SQLite,LevelDB
BENCH_PACKAGES := $(PACKAGES) $(ENGINE_PACKAGES) wamerican gnuplot-nox
# File systems on loop devices, for tests that run as root.
TEST_PACKAGES := $(PACKAGES) $(ENGINE_PACKAGES) xfsprogs btrfs-progs e2fsprogs
# The guest with an emulated NVDIMM; its kernel is downloaded and unpacked, not installed.
DAX_PACKAGES := $(PACKAGES) $(ENGINE_PACKAGES) qemu-system-x86 busybox-static cpio kmod xfsprogs e2fsprogs binutils

BENCH_PATH ?= /dev/shm
BENCH_KEYS ?= 200000
BENCH_ENGINES ?= pmemstore,libpmemobj,libpmemobj-hash,lmdb,lmdb-writemap,rocksdb,sqlite,leveldb
LOAD_ENGINE ?= $(firstword $(subst $(comma), ,$(BENCH_ENGINES)))
# Of `make figures`, which rewrites the tables of README and docs. A fraction of 0.01 tries it out in a minute; parts are
# sections of the plan, separated by commas, all of them unless told otherwise.
FIGURE_PLAN ?= Benchmarks/figures.cfg
FIGURE_FRACTION ?= 1
FIGURE_PARTS ?=
FIGURE_FILES := --summary README.md --markdown docs/benchmark.md
BENCH_OUT := bench-out
comma := ,
DAX_CACHE := .build-dax
# Where the bundle for the guest is built.
SCRATCH ?= .build

PMEMBENCH = .build/release/pmembench
LINTED := Package.swift Sources Tests

FUZZ_SECONDS ?= 30
# The crash lab: seconds for each of its two workers, steps of a sequence, mutants (0: all).
CRASH_SECONDS ?= 240
CRASH_LENGTH ?= 2
CRASH_MUTANTS ?= 0
# Pairs of mutants at the same time, of the door and of the source (0: all).
DOOR_PAIRS ?= 2000
SOURCE_PAIRS ?= 200
# The copy of the package in which mutants of the source are woven.
MUTANT_WORK := .build-mutants
MUTANT ?=
NIGHT_SECONDS ?= 28800
# Sequences of three steps that nights before have explored, as their end says.
NIGHT_FROM ?= 0
# So many times as many kills and power cuts of real processes as `make test` has: 13 000 and 20 000, an hour.
NIGHT_SCALE ?= 100

.PHONY: help build bench figures instructions test test-dax lease-matrix lint unit-test thread-test crash-test mutants crash-night \
	source-mutants mutant-pairs fuzz coverage audit format clean

help:
	@echo "make bench | figures | instructions | test | test-dax | crash-test | mutants | source-mutants | mutant-pairs |" \
		"crash-night | lease-matrix | fuzz | coverage | audit | build | lint | format | clean"

build:
	@scripts/check-swift
	@scripts/ensure-packages $(PACKAGES)
	swift build -c release --product pmembench
	swift build -c release --product pmemstore

bench:
	@scripts/ensure-packages $(BENCH_PACKAGES)
	@scripts/check-swift
	swift build -c release --product pmembench $(ENGINE_TRAITS)
	@scripts/bench $(PMEMBENCH) $(BENCH_PATH) $(BENCH_KEYS) $(BENCH_ENGINES) $(LOAD_ENGINE) $(BENCH_OUT)

# Compares at full size, draws the plots and rewrites the tables: half an hour on two cores, 20 GB in BENCH_PATH. What
# was interrupted goes on where it was, as long as commit and machine are the same.
figures:
	@scripts/ensure-packages $(BENCH_PACKAGES)
	@scripts/check-swift
	swift build -c release --product pmembench $(ENGINE_TRAITS)
	@mkdir -p $(BENCH_OUT)
	$(PMEMBENCH) compare --plan $(FIGURE_PLAN) --fraction $(FIGURE_FRACTION) --path $(BENCH_PATH) \
		$(addprefix --parts ,$(FIGURE_PARTS)) --resume --output $(BENCH_OUT)/figures.json
	$(PMEMBENCH) report $(BENCH_OUT)/figures.json --directory $(BENCH_OUT)/figures \
		$(FIGURE_FILES)

# Instructions of a get, a put and a multi-get, counted by valgrind, against Benchmarks/instructions.golden.
instructions:
	@scripts/ensure-packages $(PACKAGES) $(ENGINE_PACKAGES) valgrind gcc libc6-dev binutils
	@scripts/check-swift
	swift build -c release --product pmembench $(ENGINE_TRAITS)
	@scripts/instructions $(PMEMBENCH) Benchmarks/instructions.golden

test:
	@scripts/check-swift
	@scripts/ensure-packages $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory lint unit-test thread-test crash-test
	@scripts/dax/when-possible $(DAX_CACHE) $(DAX_PACKAGES)
	@echo "make test: lint, tests, ThreadSanitizer run and crash lab passed"

test-dax:
	@scripts/check-swift
	@scripts/ensure-packages $(DAX_PACKAGES)
	swift build --build-tests --scratch-path $(SCRATCH) $(ENGINE_TRAITS)
	@scripts/dax/test $(DAX_CACHE) $(SCRATCH)/debug/PmemStorePackageTests.xctest $(SCRATCH)/debug/lease-matrix

# Everything that can be done to a store's files, as root: on loop devices, and on real DAX in guests. Ten minutes.
lease-matrix:
	@scripts/check-swift
	@scripts/ensure-packages $(TEST_PACKAGES) $(DAX_PACKAGES)
	swift build -c release --product lease-matrix
	scripts/dax/matrix $(DAX_CACHE) .build/release/lease-matrix .build/lease-matrix-dax.lines
	scripts/lease-matrix .build/release/lease-matrix .build/lease-matrix.lines .build/lease-matrix-dax.lines
	.build/release/lease-matrix document .build/lease-matrix.lines > docs/lease-matrix.md

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
	scripts/fuzz $(FUZZ_SECONDS) operations image texts

# Which regions of the engine the tests run; all of log, commit, checkpoint, recovery and space, or it fails.
coverage:
	@scripts/ensure-packages $(TEST_PACKAGES)
	scripts/coverage

# The release build under valgrind: no unknown instruction, no store around the medium, none after the fence.
audit:
	@scripts/ensure-packages $(PACKAGES) valgrind
	scripts/audit

# Crashes on simulated memory by the million, then mutants of the medium (docs/testing.md).
crash-test:
	swift build -c release --product crashlab
	scripts/crash-test .build/release/crashlab explore $(CRASH_SECONDS) $(CRASH_LENGTH)
	scripts/crash-test .build/release/crashlab mutants $(CRASH_MUTANTS)

# All mutants of the door, which the lab must notice, and the table in docs/mutants.md.
mutants:
	swift build -c release --product crashlab
	scripts/crash-test .build/release/crashlab mutants 0 docs/mutants.md

# Mutants of the source, each judged by the lab or by tests, and the table in docs/source-mutants.md. MUTANT_SECONDS of
# processor time each at most; MUTANT=NAME: only those whose name contains it.
source-mutants:
	@scripts/ensure-packages $(PACKAGES)
	swift build -c release --product crashlab
	scripts/source-mutants .build/release/crashlab $(MUTANT_WORK) docs/source-mutants.md $(MUTANT)

# Two mutants at the same time, drawn by PMEMSTORE_SEED: of the door, then of the source. 95 of 100 must be noticed.
mutant-pairs:
	@scripts/ensure-packages $(PACKAGES)
	swift build -c release --product crashlab
	scripts/crash-test .build/release/crashlab pairs $(DOOR_PAIRS)
	scripts/source-mutants .build/release/crashlab $(MUTANT_WORK) --pairs $(SOURCE_PAIRS)

# As crash-test, with all sequences of three steps, for as long as one likes; then all mutants, of the source too,
# pairs of them, and real processes that are killed.
crash-night:
	swift build -c release --product crashlab
	scripts/crash-test .build/release/crashlab explore $(NIGHT_SECONDS) 3 $(NIGHT_FROM)
	scripts/crash-test .build/release/crashlab mutants 0
	scripts/source-mutants .build/release/crashlab $(MUTANT_WORK) $(MUTANT_WORK)/source-mutants.md
	$(MAKE) mutant-pairs
	PMEMSTORE_SCALE=$(NIGHT_SCALE) swift test --scratch-path $(SCRATCH) --filter KillTests

format:
	swift format --in-place --recursive $(LINTED)

clean:
	rm -rf .build $(MUTANT_WORK) .build-tsan .build-fuzz .build-coverage fuzz-out $(DAX_CACHE) $(BENCH_OUT)
