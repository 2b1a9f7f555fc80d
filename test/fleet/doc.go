// SPDX-License-Identifier: Apache-2.0

// Package fleet tests ipsec-fleet end to end: a real etcd in the test process, and agents with real tables in network
// namespaces.
package fleet
