# SPDX-License-Identifier: Apache-2.0

# For one test in the VM: make test-vm PKG=./pkg/xfrm RUN=TestBind, with another kernel
# KERNEL=7.3
PKG ?= ./...
RUN ?=
KERNEL ?=
FUZZTIME ?= 10s
# SUITE is the Debian whose key managers make test-newest runs. forky is the first whose strongSwan has per_cpu_sas.
SUITE ?= forky

# For make hunt and make soak; other tests have their own durations. SEED repeats a hunt.
DURATION ?= 10m
SEED ?=
FRAMES ?= 1000000
PACKETS ?= 10000000

VERSION := $(shell scripts/version.sh)$(shell git diff --quiet HEAD 2>/dev/null; [ $$? -ne 1 ] || echo +dirty)
# All go commands build alike, so that each package is compiled once: for the programs, the packages and the tests.
export GOFLAGS := -trimpath -buildvcs=false
# bin/ipsec is built without cgo. Tests and linters do the same, so that they share the compiled packages.
export CGO_ENABLED := 0

# The steps of make test, in order.
STEPS := setup lint check-generated check-licenses fuzz-briefly test-host test-race smoke test-vm

# What make check leaves to make test: packages, and tests of cmd/ipsec that build or load programs.
SLOW := pkg/maps|cmd/ipsec|internal/lab|internal/vm
SLOW_COMMAND := Kernel|Shells|ByName

.NOTPARALLEL:

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: build
build: ## bin/ipsec; requires only Go
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)' -o bin/ipsec ./cmd/ipsec

.PHONY: fleet
fleet: ## bin/ipsec-fleet, see docs/fleet.md; requires only Go
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)' -o bin/ipsec-fleet ./cmd/ipsec-fleet

.PHONY: packages
packages: ## dist/*.deb and dist/*.rpm, see docs/install.md
	@scripts/packages.sh dist

.PHONY: demo
demo: setup-vm build ## a gateway, hosts and every kind of eroute on real packets; needs root
	@go run ./test/demo

.PHONY: test
test: ## everything below; needs root, takes 20 to 40 minutes on two cores
	@step=0; start=$$(date +%s); for target in $(STEPS); do step=$$((step + 1)); \
	echo "make test: step $$step of $(words $(STEPS)), $$target, after $$((($$(date +%s) - start) / 60)) min"; \
	$(MAKE) --no-print-directory $$target || exit 1; done

.PHONY: check
check: ## the inner loop: formatting, words, go vet and fast unit tests, in under two minutes; needs root
	@scripts/check-format.sh
	@scripts/check-words.sh
	go vet -tags vm ./...
	go test $$(go list ./bpf ./cmd/... ./pkg/... ./internal/... | grep -vE '/($(SLOW))$$')
	go test -skip '$(SLOW_COMMAND)' ./cmd/ipsec

.PHONY: test-host
test-host: ## the tests that run on the host's kernel; needs root
	@[ "$$(id -u)" = 0 ] || { echo 'make test-host needs root: it loads BPF programs and creates network namespaces' >&2; exit 1; }
	go test -count=1 -timeout 30m -run '$(RUN)' $(if $(filter ./...,$(PKG)),./test/netns) $(PKG)

.PHONY: test-race
test-race: ## concurrent code with the race detector; needs root
	CGO_ENABLED=1 go test -race -count=1 -timeout 30m ./pkg/loader ./pkg/acquire
	CGO_ENABLED=1 go test -race -count=1 -timeout 30m -run '^TestConcurrent$$|Lock|ManyWriters|CreateRace' ./pkg/maps ./test/netns

.PHONY: smoke
smoke: setup-vm build ## the most significant VM tests on the newest kernel; the refusal of one that is too old
	@scripts/smoke.sh

.PHONY: test-vm
test-vm: setup-vm build ## the tests that need a kernel with ESP, in a VM
	@go run ./internal/vm/run -pkg '$(PKG)' -run '$(RUN)' -kernel '$(KERNEL)'

.PHONY: test-newest
test-newest: setup-vm build ## the key managers' tests with those of a newer Debian, SUITE, some minutes
	@scripts/newest.sh $(SUITE)

.PHONY: hunt
hunt: setup-vm build ## search for packets in clear under random changes, in a VM, for DURATION
	@EROUTE_TEST_DURATION=$(DURATION) EROUTE_TEST_SEED=$(SEED) go run ./internal/vm/run -timeout 24h -pkg ./test/vm -run '^TestLeakHunt$$'

.PHONY: setups
setups: setup-vm build ## all set-ups of physical interfaces with real ESP, in a VM, some minutes
	@EROUTE_TEST_SETUPS=1 go run ./internal/vm/run -pkg ./test/vm -run '^TestSetups$$'

.PHONY: crashes
crashes: ## commands interrupted at each of their bpf(2) calls, which make test samples; needs root
	EROUTE_TEST_CRASHES=1 go test -count=1 -timeout 0 -v -run 'AtEveryStep$$' ./pkg/maps

.PHONY: soak
soak: ## traffic and changes for DURATION: nothing grows, every packet is counted; needs root
	EROUTE_TEST_DURATION=$(DURATION) go test -count=1 -timeout 0 -v -run '^TestSoak$$' ./test/netns

.PHONY: fuzz
fuzz: ## each fuzzer for FUZZTIME
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: fuzz-briefly
fuzz-briefly: ## each fuzzer for one second, beginning with stored inputs
	@scripts/fuzz.sh 1s blind

.PHONY: fuzz-frames
fuzz-frames: ## FRAMES mutated frames through the programs, against the reference; needs root
	EROUTE_TEST_FRAMES=$(FRAMES) go test -count=1 -v -timeout 0 -run TestFrames ./test/frames

.PHONY: diff-exact
diff-exact: ## PACKETS packets through differences of random tables, against the reference
	EROUTE_TEST_PACKETS=$(PACKETS) go test -count=1 -v -timeout 0 -run '^TestExact$$' ./pkg/diff

.PHONY: bench-diff
bench-diff: ## time and memory of a difference of two tables of 1,000,000 eroutes
	go test -count=1 -run '^$$' -bench '^BenchmarkDiff$$' -benchtime 3x ./cmd/ipsec

.PHONY: bench
bench: setup-bench setup-vm build ## cost of the table, compared with alternatives; needs root, takes ten minutes
	@go run ./test/bench -rounds 3

.PHONY: bench-fleet
bench-fleet: ## 1,000 simulated gateways on three members of etcd, some minutes
	@go run ./test/bench/fleet

.PHONY: drill-fleet
drill-fleet: setup build fleet ## a fleet of 20 real gateways whose store, links and disks fail; needs root, some minutes
	@go run ./test/drill

.PHONY: bench-full
bench-full: setup-bench setup-vm build ## the same with 1 to 1,000,000 eroutes, and with ESP in the VM; writes docs/performance
	@go run ./test/bench -n 1,1000,10000,100000,1000000 -vm 1,1000,10000 -out docs/performance

.PHONY: lint
lint: ## formatting of Go and C, words, go vet, the analyzers of tools/lint, spelling
	@scripts/check-format.sh
	@scripts/check-words.sh
	go vet -tags vm ./...
	go -C tools build -o ../bin/ ./lint github.com/golangci/misspell/cmd/misspell
	bin/lint -tags vm ./...
	git ls-files -z '*.go' '*.md' | xargs -0 bin/misspell -error

.PHONY: format
format: ## format Go and C
	@gofmt -w .
	@clang-format-19 -i bpf/*.[ch] bpf/bpftest/*.c

.PHONY: generate
generate: ## bpf/*_bpfel.{go,o} and bpf/bpftest, with clang-19
	go generate ./bpf

.PHONY: budget
budget: ## update bpf/verifier.txt, the verifier's work on this kernel and in the VM; needs root
	@scripts/budget.sh $(KERNEL)

.PHONY: docs
docs: ## docs/man, from the help texts
	@go run -tags docs ./cmd/ipsec docs/man
	@go run -tags docs ./cmd/ipsec-fleet docs/man

.PHONY: check-generated
check-generated: ## fail if make generate or make docs would change something
	@scripts/check-generated.sh

.PHONY: check-reproducible
check-reproducible: ## fail if program, packages and SBOM of the last commit differ when built twice
	@scripts/check-reproducible.sh

.PHONY: check-licenses
check-licenses: ## fail if a component has a licence that is not allowed
	@scripts/check-licenses.sh

.PHONY: sbom
sbom: ## dist/ipsec.cdx.json, the components of the program (CycloneDX)
	@scripts/sbom.sh ipsec dist/ipsec.cdx.json

.PHONY: vulncheck
vulncheck: ## search for known vulnerabilities; needs the network, not part of make test
	@scripts/vulncheck.sh

.PHONY: setup
setup: ## install the dependencies of building and testing; Debian 12, needs root
	@scripts/setup.sh all

.PHONY: setup-vm
setup-vm:
	@scripts/setup.sh vm $(KERNEL)

.PHONY: setup-bench
setup-bench:
	@scripts/setup.sh bench

.PHONY: clean
clean: ## remove build results
	@rm -rf bin dist
