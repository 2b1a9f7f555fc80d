// SPDX-License-Identifier: Apache-2.0

// Package hostile tests the programs as they are attached with frames that nobody honest
// sends, against the reference parser and the reference table.
package hostile
