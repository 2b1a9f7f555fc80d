// SPDX-License-Identifier: Apache-2.0

package xfrm

import "errors"

var (
	// ErrNoState says that the Security Association cannot be used now: the
	// kernel has no such state, or only a larval one, or one for input only.
	ErrNoState = errors.New("no such security association")

	// ErrUnsupported says that the state is there, but that a policy with an
	// if_id cannot use it; the text around it says why.
	ErrUnsupported = errors.New("not supported")

	// ErrForeignIfID says that an if_id is not one of ours, see [IfIDBase].
	ErrForeignIfID = errors.New("if_id is not an eroute's")

	// ErrForeignPolicy says that a policy is in the way that somebody else made.
	ErrForeignPolicy = errors.New("another policy is in its place")

	// ErrMessage says that a message from the kernel makes no sense.
	ErrMessage = errors.New("malformed netlink message")
)
