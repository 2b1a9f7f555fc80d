// SPDX-License-Identifier: Apache-2.0

// Package metrics exports metrics of a table, and of the relay in this process, to Prometheus. docs/metrics.md
// documents them.
package metrics
