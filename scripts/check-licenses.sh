#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fails if a component of the program has a licence that scripts/licenses does not list.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/sbom.sh | go run ./scripts/licenses
