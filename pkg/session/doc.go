// SPDX-License-Identifier: Apache-2.0

// Package session predicts whether a change cuts the SSH session that it is typed in. [Find] finds the session of
// the process, [Forecast] the eroute that its packets match before and after a change, and [Danger] compares what
// happens to them.
package session
