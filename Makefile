# SPDX-License-Identifier: Apache-2.0

PKG ?= ./...
RUN ?=

.PHONY: test-vm
test-vm:
	@scripts/setup.sh vm
	@go run ./test/vm/run -pkg '$(PKG)' -run '$(RUN)'
