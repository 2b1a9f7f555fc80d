// SPDX-License-Identifier: Apache-2.0

// Package testenv holds what tests of all packages share: the environment variables that set a random seed,
// a duration or a count, the build of the ipsec command, and names of hosts, protocols and services.
package testenv
