// SPDX-License-Identifier: Apache-2.0

// Package session predicts whether a change cuts the SSH session that it is typed in. [Find] finds the session of
// the process, [Forecast] the eroute that its packets match before and after a change, and [Session.Danger] compares
// what happens to them. [Warner] warns before such a change.
package session
