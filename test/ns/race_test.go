// SPDX-License-Identifier: Apache-2.0

//go:build race

package ns_test

// The commands that the tests run have the race detector if the tests have.
func init() { buildFlags = []string{"-race"} }
