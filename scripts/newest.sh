#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests of key managers with those of a newer Debian: newest.sh SUITE. They are not part of make test, which
# runs these tests with Debian 12's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly suite=${1:?a Debian suite, such as forky} newest=7.3

scripts/setup.sh vm $newest
scripts/setup.sh newest "$suite"
cat "${XDG_CACHE_HOME:-$HOME/.cache}"/ipsec-eroute/{strongswan,libreswan}-"$suite"/versions
export EROUTE_TEST_KEY_MANAGERS=$suite
failed=0
go run ./internal/vm/run -pkg ./test/vm -run '^(TestKeyManagers|TestPeerDown|TestFollowedKeyManagers)$' || failed=1
go run ./internal/vm/run -kernel $newest -pkg ./test/vm -run '^TestNewest' || failed=1
exit $failed
