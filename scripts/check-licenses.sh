#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fails if a part of the program has a licence that is not on the list in scripts/licenses.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/sbom.sh | go run ./scripts/licenses
