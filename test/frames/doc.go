// SPDX-License-Identifier: Apache-2.0

// Package frames tests the attached programs with malformed and unusual frames, against the reference parser
// and the reference table.
package frames
