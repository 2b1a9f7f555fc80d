// SPDX-License-Identifier: Apache-2.0

// Package metrics exports the figures of a table, and of the relay in this process, to
// Prometheus. docs/metrics.md says what each metric means.
package metrics
