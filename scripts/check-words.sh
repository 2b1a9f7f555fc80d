#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fails on phrases that the style sheet in CONTRIBUTING.md replaces.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly files=(README.md SECURITY.md RELEASE.md CHANGELOG.md docs/*.md docs/man/* docs/performance/*.md test/*.md
	packaging/*.service packaging/*.toml packaging/*.yaml) # the manual pages are the help texts
readonly phrases='\b(anew|so many|at the most|beside|is told|goes before|meets the table|as far as|who may|is to be|comes in by|whether a|nobody|somebody|in the midst|now and then|by way of|of its own accord|other way round|one at most|once more|in the place of|are told|says so|knows|in step|what (becomes|became) of|meets (an|the|no|its)|believes)\b'

if grep -nEi "$phrases" "${files[@]}" >&2; then
	echo 'not plain technical English: see Style in CONTRIBUTING.md' >&2
	exit 1
fi
