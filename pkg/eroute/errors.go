// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"errors"
	"fmt"
)

var (
	// ErrExist is returned if an eroute with the same selector is in the table.
	ErrExist = errors.New("already in use: delete it first")
	// ErrNotFound is returned if no eroute has exactly that selector.
	ErrNotFound = errors.New("no such eroute")
	// ErrFollowed is returned if the eroute with that selector is made from a policy of XFRM.
	ErrFollowed = errors.New("follows a policy of XFRM: delete the policy, or replace the eroute")
	// ErrTableFull is returned if the table is at its limit.
	ErrTableFull = errors.New("table full")

	// ErrNeedFamily is returned if a text such as %default depends on the address family and none was given.
	ErrNeedFamily = errors.New("needs an address family, inet or inet6")
	// ErrMixedFamilies is returned if source and destination are of different families.
	ErrMixedFamilies = errors.New("source and destination are of different address families")
	// ErrPortProtocol is returned if a selector has a port but its protocol is neither TCP nor UDP.
	ErrPortProtocol = errors.New("a port needs transport protocol tcp or udp")
	// ErrBadPrefix is returned if a prefix of a selector is missing or has host bits set.
	ErrBadPrefix = errors.New("not a masked prefix")
	// ErrBadSAID is returned if a SAID is neither magic nor complete.
	ErrBadSAID = errors.New("not a valid SAID")
	// ErrBadOp is returned if a change has an unknown operation.
	ErrBadOp = errors.New("unknown operation")
	// ErrNotIP is returned if a packet is neither IPv4 nor IPv6, or if its fixed header (for IPv4 including
	// options) is truncated.
	ErrNotIP = errors.New("neither IPv4 nor IPv6, or header cut short")
)

// ValueError is returned if a parser refuses a text. Its message is a single line.
type ValueError struct {
	Value string // the text as given
	Err   error  // the reason
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("value %q: %v", e.Value, e.Err)
}

func (e *ValueError) Unwrap() error { return e.Err }

// refuse wraps the reason for which value was refused.
func refuse(value string, reason error) error {
	return &ValueError{Value: value, Err: reason}
}
