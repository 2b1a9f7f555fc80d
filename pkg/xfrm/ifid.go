// SPDX-License-Identifier: Apache-2.0

package xfrm

import "fmt"

// Our if_ids, as in bpf/abi_limits.h: slot n of the table of Security Associations has if_id IfIDBase + n.
const (
	IfIDBase = 0x65000000 // IF_ID_BASE
	MaxSAs   = 262144     // EROUTE_MAX_SAS
)

// ours reports whether an if_id is one of ours.
func ours(ifID uint32) bool {
	return ifID >= IfIDBase && ifID < IfIDBase+MaxSAs
}

// Ours reports whether an if_id is one of ours.
func Ours(ifID uint32) bool { return ours(ifID) }

// checkIfID returns ErrForeignIfID if ifID is not one of ours.
func checkIfID(ifID uint32) error {
	if !ours(ifID) {
		return fmt.Errorf("check if_id %#x: %w", ifID, ErrForeignIfID)
	}
	return nil
}
