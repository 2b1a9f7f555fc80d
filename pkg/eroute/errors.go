// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"errors"
	"fmt"
)

var (
	// ErrExist says that an eroute with the same selector is in the table.
	ErrExist = errors.New("already in use: delete it first")
	// ErrNotFound says that no eroute has that very selector.
	ErrNotFound = errors.New("no such eroute")
	// ErrTableFull says that the table holds as many eroutes as its limit allows.
	ErrTableFull = errors.New("table full")

	// ErrNeedFamily says that a text such as %default has a meaning in each
	// address family and none was given.
	ErrNeedFamily = errors.New("needs an address family, inet or inet6")
	// ErrMixedFamilies says that source and destination are of different families.
	ErrMixedFamilies = errors.New("source and destination are of different address families")
	// ErrPortProtocol says that a selector names a port but neither TCP nor UDP.
	ErrPortProtocol = errors.New("a port needs transport protocol tcp or udp")
	// ErrBadPrefix says that a prefix of a selector is missing or has host bits set.
	ErrBadPrefix = errors.New("not a masked prefix")
	// ErrBadSAID says that a SAID is neither magic nor complete.
	ErrBadSAID = errors.New("not a valid SAID")
	// ErrBadOp says that a change has no known operation.
	ErrBadOp = errors.New("unknown operation")
	// ErrNotIP says that a packet is neither IPv4 nor IPv6, or that its fixed
	// header (for IPv4 its options too) is cut short.
	ErrNotIP = errors.New("neither IPv4 nor IPv6, or header cut short")
)

// ValueError is the refusal of one text by a parser. Its text is a single line.
type ValueError struct {
	Value string // the text as given
	Err   error  // the reason
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("value %q: %v", e.Value, e.Err)
}

func (e *ValueError) Unwrap() error { return e.Err }

// refuse wraps the reason why value was not accepted.
func refuse(value string, reason error) error {
	return &ValueError{Value: value, Err: reason}
}
