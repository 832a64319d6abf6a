# Two commands do everything: `make demo` and `make test`. Both install what they need inside this
# folder (target/, .venv/, node/node_modules/, .cache/) and say clearly what only the system can give.

.PHONY: help build demo test soak fuzz loom simulate lint bench first-run audit dist dist-check dist-twice clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/'

build:  ## the command, and a working tree for every language
	@tests/toolchain build

demo:  ## the three steps on the embedded sandbox, explained; ALL=1: Kotlin and Swift, too; WHEEL=file.whl: without any Rust
	@ALL=$(ALL) WHEEL=$(WHEEL) tests/demo

test: build  ## all tests; REQUIRE_ALL=1 turns a skip into a failure
	@tests/run

soak: build  ## the gateway's proofs at full length: thousands of requests, a minute of kills
	@SOAK=1 tests/run gateway

fuzz:  ## what reads bytes of strangers, FUZZ_SECONDS (60) for each target; needs a nightly compiler
	@tests/fuzz

loom:  ## what threads share, in every order in which they may meet: the models of docs/reliability.md
	@tests/loom

simulate:  ## SEEDS=n random worlds; a failure says how to play its seed again
	@SIMULATION=usual SIMULATION_SEEDS=$(or $(SEEDS),1000) cargo test -p relaypass --lib random_worlds::random_worlds -- --nocapture

lint: build  ## formatting, lints, types, licences
	@tests/run lint

bench:  ## the table of docs/benchmarks.md, measured here and now
	@tests/bench/run

first-run:  ## how long a newcomer waits for the demo: a clone in an empty folder, with empty caches
	@tests/first-run

audit:  ## known vulnerabilities in the dependencies (needs the advisory database)
	@tests/run audit

dist:  ## every artifact for every platform, into dist/; TARGETS=host or triples of packaging/targets for some
	@packaging/dist

dist-check:  ## look at what is in dist/natives, run what can be run here, and build the sdist
	@packaging/python packaging/check --sdist

dist-twice:  ## build what is in dist/natives again, elsewhere, and compare the bytes
	@packaging/twice

clean:  ## remove what the above made
	rm -rf target .venv .cache out dist node/node_modules tests/bench/node_modules tests/deploying/node_modules \
	  tests/install/managers/node_modules tests/install/next/node_modules \
	  tests/web/node_modules node/dist node/native python/relaypass/_native*.so
