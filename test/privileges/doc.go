// SPDX-License-Identifier: Apache-2.0

// Package privileges tests the capabilities that each command needs, as documented in docs/privileges.md,
// beginning with none. Needs root.
package privileges
