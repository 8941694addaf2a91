# pageberg: `make run` starts it here, `make test` checks everything; the rest is for containers and daily work.
SHELL := /usr/bin/env bash
.DEFAULT_GOAL := help
.PHONY: help run test check test-setup chaos lake bench bench-full bench-curves instructions fuzz build fmt lint up down start stop job psql db-init clean

help: ## List these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1|/' | while IFS='|' read -r name text; do printf '  %-12s %s\n' "$$name" "$$text"; done

run: ## Set up what is missing and run pageberg on ./data (variables: DATA, LISTEN, STATUS, GEO, POSTGRES_URL)
	@dev/run.sh

test: ## Check everything: formatting, lints, tests, documentation, scripts, licences
	@dev/test.sh

check: ## Check what needs no server, before each commit: formatting, lints, house rules, unit tests, contracts
	@dev/check.sh

test-setup: ## Fetch what the tests need into .cache: packages, fixtures, Kafka, Postgres, Spark, Nessie, Azurite, Chromium
	@dev/test-setup.sh

chaos: ## Break every part of a cluster at random under load, 22 times, and count what came through
	PAGEBERG_TEST_CHAOS=long cargo test --locked --test system chaos -- --nocapture

bench: ## Measure everything in under 10 minutes, and write bench/results.json (variables: WEBLOG, BENCH for more flags)
	@dev/bench.sh benchmarks --scale quick $(BENCH)

bench-full: ## Measure everything at length, beside Kafka Connect, PyFlink and Benthos
	@dev/bench.sh benchmarks --scale full --peers $(BENCH)

bench-curves: ## Measure how throughput, memory and latency grow with partitions, backlog, snapshots, connections and days
	@dev/bench.sh curves --scale quick $(BENCH)

instructions: ## Count what an event costs in each stage, against dev/instructions.json (RECORD=1: write it anew)
	@dev/need.sh valgrind python3 cargo
	@python3 dev/instructions.py $(if $(RECORD),--record)

lake: ## Write, maintain, break and read Iceberg tables through 5,000 commits, and judge them (variable: COMMITS)
	PAGEBERG_TEST_LAKE=$(or $(COMMITS),long) cargo test --release --locked -p attach --test attach lake:: -- --nocapture

fuzz: ## Feed the reader of IP2Location's files with what a fuzzer thinks of (variable: SECONDS_OF_FUZZING)
	seed=$$(dev/fixtures.sh)/geo/ip2location/DB24.DEMO4.BIN && cd geodata/fuzz && mkdir -p corpus/bin && \
		cargo run --release --bin bin -- -timeout=5 -max_total_time=$(or $(SECONDS_OF_FUZZING),60) \
		-seed_inputs="$$seed" corpus/bin

build: ## Build the release binary into target/release
	cargo build --release --locked --features vendored-openssl --bin pageberg

fmt: ## Format the Rust code
	cargo fmt --all

lint: ## Check formatting and lints alone
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

up: ## Build the image and start a gateway, two pipeline workers, Kafka and Postgres in containers
	dev/geo.sh data/geo || echo "no city database: visitors get no place"
	docker compose up --build --detach --wait

down: ## Remove the containers; volumes with the data stay
	docker compose down --remove-orphans

start: ## Start the stopped containers
	docker compose start

stop: ## Stop the containers
	docker compose stop

job: ## Start, or restart after a change of configuration, the pipeline's containers alone
	docker compose up --detach --wait --force-recreate --no-deps pipeline

psql: ## Open psql on the running Postgres, that of `make run` or of `make up`
	@dev/psql.sh

db-init: ## Start Postgres in its container and apply sql/
	docker compose up --detach --wait postgres
	docker compose run --rm --no-deps pipeline db-init

clean: ## Remove build output, the test environment and the containers; ./data and the volumes stay
	cargo clean
	rm -rf .cache geodata/fuzz/target
	if command -v docker >/dev/null; then docker compose down --remove-orphans; fi
