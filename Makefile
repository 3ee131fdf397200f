# make run    builds the relay and runs it on its defaults, with its data in ./data
# make test   builds everything and runs all tests
# make unit, make simulation, make serving, make outside   run one tier of them (Tests/README.md)
# make bench  measures the relay, and NATS and Mosquitto for comparison if they are installed
# make fuzz   sends the admin API requests that its document allows, and many that it does not
# make gates  counts the allocations and instructions per frame, and fails above the limits
# make soak   runs the simulation and the load tests for longer, and all faults repeatedly
#
# They first install missing packages from Debian (deploy/install-packages.sh).

SWIFT ?= swift
# Arguments of the relay or of the comparison: make run ARGS="--listen 127.0.0.1:7222"
ARGS ?=
# Rounds of make soak.
ROUNDS ?= 10
# Seeds of the simulation in make soak. The first one is random, or SIMULATION_FIRST.
SEEDS ?= 100000
# Runs built tests; ends with a summary of failed and skipped ones.
TEST = Tests/with-summary.sh $(SWIFT) test --skip-build
# Tests that run the built programs.
OUTSIDE = ^(BenchTests|Conversations|Faults|TTMSCtlTests|RelaydTests)\.
# Tests with a server in their own process.
SERVING = ^RelayAdminTests\.
# Tests of the cost of a frame in the release build.
GATES = ^Gates\.
# The simulation of the relay's core. Without random hashing, so that a seed gives the same history in every process.
SIMULATED = ^Simulation\.
BENCHMARKS = Sources/ttms-bench/Bench.docc/Benchmarks.md
OWN = Sources Tests Package.swift

# The tiers share two cores and a build.
.NOTPARALLEL:
.PHONY: run build test tests-build unit simulation serving outside gates bench bench-page fuzz soak check check-format format documentation clean packages test-packages

run: build
	@exec .build/release/ttms-relayd $(ARGS)

build: packages
	$(SWIFT) build --configuration release --product ttms-relayd
	$(SWIFT) build --configuration release --product ttmsctl

# PATH includes the tools that are only unpacked.
test: export PATH := $(PATH):$(CURDIR)/.build/tools/usr/bin
test: test-packages
	openapi/validate.sh
	$(SWIFT) build --build-tests
	openapi/fuzz.sh
	@$(MAKE) --no-print-directory unit simulation serving outside gates

# The tiers are separate runs: tests that wait for a disk or a relay block threads that a server in the tests' own process needs.
tests-build: test-packages
	$(SWIFT) build --build-tests

# Protocol, decisions, stores, and the parts of the server, each by itself.
unit: tests-build
	$(TEST) --skip '$(OUTSIDE)|$(SERVING)|$(SIMULATED)|$(GATES)'

# SIMULATION_FIRST=n and SIMULATION_SEEDS=n choose other seeds.
simulation: export SIMULATION_SEEDS ?= 2000
simulation: tests-build
	SWIFT_DETERMINISTIC_HASHING=1 $(TEST) --filter '$(SIMULATED)'

serving: tests-build
	$(TEST) --filter '$(SERVING)'

# PATH includes the tools that are only unpacked.
outside: export PATH := $(PATH):$(CURDIR)/.build/tools/usr/bin
outside: tests-build
	$(TEST) --filter '$(OUTSIDE)'

# The limits are in Tests/Gates/Limits.swift.
gates: test-packages
	$(SWIFT) build --configuration release --product ttms-relayd
	$(SWIFT) build --build-tests
	BUILT_TTMS_RELAYD=$(CURDIR)/.build/release/ttms-relayd $(TEST) --filter '$(GATES)'

# make bench ARGS="--only steady --times 5"; see ttms-bench compare --help.
bench: build
	$(SWIFT) build --configuration release --product ttms-bench
	.build/release/ttms-bench compare --relayd .build/release/ttms-relayd --output .build/bench $(ARGS)

# Does the same, and replaces the results in the documentation.
bench-page:
	$(MAKE) bench ARGS="--page $(BENCHMARKS) $(ARGS)"

# FUZZ_SEED and FUZZ_EXAMPLES extend the search beyond that of CI.
fuzz: test-packages
	$(SWIFT) build --product ttms-relayd
	$(SWIFT) build --product ttmsctl
	openapi/fuzz.sh

# First the simulation, from a random seed on, so that each soak plays new histories. Then kills, power cuts, restarts and
# ttms-bench verify under load, 20 times as long. Then all faults repeatedly, to find rare failures.
soak: export TEST_LIMIT := 0
soak: test-packages
	$(SWIFT) build --build-tests
	@first=$${SIMULATION_FIRST:-$$(od -A n -N 4 -t u4 /dev/urandom | tr -d ' ')}; \
	echo "soak: $(SEEDS) seeds of the simulation, the same ones again with SIMULATION_FIRST=$$first"; \
	SWIFT_DETERMINISTIC_HASHING=1 SIMULATION_FIRST=$$first SIMULATION_SEEDS=$(SEEDS) $(TEST) --filter '$(SIMULATED)'
	SOAK=20 $(TEST) --filter '^Faults\.'
	for round in $$(seq $(ROUNDS)); do echo "soak: round $$round of $(ROUNDS)"; $(TEST) --filter '^Faults\.' || exit; done
	@echo "soak: $(SEEDS) seeds of the simulation, all faults once for 20 times as long, and $(ROUNDS) times as in make test"

# Checks that CI makes, too: the format, and no warnings in our own code.
check: check-format test-packages
	WARNINGS_AS_ERRORS=1 $(SWIFT) build --build-tests

check-format:
	$(SWIFT) format lint --strict --parallel --recursive $(OWN)

format:
	$(SWIFT) format --in-place --parallel --recursive $(OWN)

# Writes README's table of settings and deploy/ttms-relay.yaml.
documentation:
	WRITE_DOCUMENTATION=1 $(SWIFT) test --filter DocumentationTests

# Does not remove ./data, which holds messages.
clean:
	rm -rf .build

packages:
	@deploy/install-packages.sh

test-packages:
	@deploy/install-packages.sh test
