// SPDX-License-Identifier: Apache-2.0

package eroute

// Field is a field of a selector that selection compares.
type Field uint8

// The fields, in the order in which they are compared.
const (
	FieldSrc Field = 1 + iota
	FieldDst
	FieldProto
	FieldSrcPort
	FieldDstPort
)

// String returns the field's name, such as "source prefix".
func (f Field) String() string {
	names := [...]string{FieldSrc: "source prefix", FieldDst: "destination prefix", FieldProto: "protocol", FieldSrcPort: "source port", FieldDstPort: "destination port"}
	if f == 0 || int(f) >= len(names) {
		return "nothing"
	}
	return names[f]
}

// DecidedBy returns the field that decides which of two selectors takes precedence for a packet that both
// match, see [MoreSpecific]. Returns 0 if neither does.
func DecidedBy(a, b Selector) Field {
	switch {
	case a.Src.Bits() != b.Src.Bits():
		return FieldSrc
	case a.Dst.Bits() != b.Dst.Bits():
		return FieldDst
	case (a.Proto != 0) != (b.Proto != 0):
		return FieldProto
	case (a.SrcPort != 0) != (b.SrcPort != 0):
		return FieldSrcPort
	case (a.DstPort != 0) != (b.DstPort != 0):
		return FieldDstPort
	}
	return 0
}
