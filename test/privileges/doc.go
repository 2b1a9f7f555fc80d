// SPDX-License-Identifier: Apache-2.0

// Package privileges tests what each command needs, as docs/privileges.md says, beginning
// with nothing. Needs root.
package privileges
