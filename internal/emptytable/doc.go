// SPDX-License-Identifier: Apache-2.0

// Package emptytable is the table of a network namespace that has none.
package emptytable
