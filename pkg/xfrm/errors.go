// SPDX-License-Identifier: Apache-2.0

package xfrm

import "errors"

var (
	// ErrNoState means that the Security Association cannot be used now: the kernel has no such state, or only
	// a larval or input-only one.
	ErrNoState = errors.New("no such security association")

	// ErrUnsupported means that a state exists, but a policy with an if_id cannot use it; the error text
	// contains the reason.
	ErrUnsupported = errors.New("not supported")

	// ErrForeignIfID means that an if_id is not one of ours, see [IfIDBase].
	ErrForeignIfID = errors.New("if_id is not an eroute's")

	// ErrForeignPolicy means that another program's policy exists in place of ours.
	ErrForeignPolicy = errors.New("another policy is in its place")

	// ErrMessage means that a message from the kernel is malformed.
	ErrMessage = errors.New("malformed netlink message")
)
