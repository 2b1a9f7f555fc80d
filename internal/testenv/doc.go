// SPDX-License-Identifier: Apache-2.0

// Package testenv holds what tests of all packages share: the environment variables that set a random seed,
// a duration or a count, and the build of the ipsec command.
package testenv
