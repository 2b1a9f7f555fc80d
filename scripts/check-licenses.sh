#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fails if a component of a program has a licence that scripts/licenses does not list.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for program in ipsec ipsec-fleet; do
	scripts/sbom.sh $program | go run ./scripts/licenses
done
