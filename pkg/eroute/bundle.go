// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Inner are the SPIs of a bundle's SAs that process a packet before its last SA, in this order; 0: the bundle has none.
// It is zero for a SAID that is no bundle.
type Inner struct {
	Comp uint32 // of IPComp, whose SPI has 16 bits
	ESP  uint32
}

// maxCPI is the highest SPI of an IPComp SA: its packets carry 16 bits of it (RFC 3173).
const maxCPI = 0xffff

// Errors of NewBundle.
var (
	errBundle    = errors.New("a bundle is comp+esp, comp+ah, esp+ah or comp+esp+ah: the order in which they process a packet")
	errBundleTun = errors.New("a bundle names its SAs by comp, esp or ah: an SA in tunnel mode has one of these protocols")
	errBundleDst = errors.New("the SAs of a bundle have one destination")
	errBundleCPI = fmt.Errorf("the SPI of comp in a bundle must be at most %#x", maxCPI)
)

// NewBundle returns the SAID of SAs that process a packet one after the other (RFC 4301, section 4.4.1.2). They are
// given in this order: IPComp, ESP, AH; one of them can be left out.
func NewBundle(sas ...SAID) (SAID, error) {
	last := len(sas) - 1
	if last < 1 {
		return SAID{}, errBundle
	}
	for _, sa := range sas {
		switch {
		case sa.Proto == ProtoTun:
			return SAID{}, errBundleTun
		case bundleRank(sa) == 0:
			return SAID{}, errBundle
		}
	}
	bundle := sas[last]
	rank := 0
	for i, sa := range sas {
		before := rank
		switch rank = bundleRank(sa); {
		case rank <= before:
			return SAID{}, errBundle
		case sa.Dst != bundle.Dst:
			return SAID{}, errBundleDst
		case sa.Proto == ProtoComp && sa.SPI > maxCPI:
			return SAID{}, errBundleCPI
		case i == last:
		case sa.Proto == ProtoComp:
			bundle.Inner.Comp = sa.SPI
		default:
			bundle.Inner.ESP = sa.SPI
		}
	}
	return bundle, nil
}

// bundleRank is the place of an SA in a bundle; 0: it has none.
func bundleRank(sa SAID) int {
	if sa.Action() != ActionSA || sa.IsGroup() || sa.IsBundle() {
		return 0
	}
	return map[uint8]int{ProtoComp: 1, ProtoESP: 2, ProtoAH: 3}[sa.Proto]
}

// fits reports whether the inner SAs can be before a last one of this protocol.
func (in Inner) fits(last uint8) bool {
	switch {
	case in == Inner{}:
		return true
	case in.Comp != 0 && (in.Comp < minSPI || in.Comp > maxCPI) || in.ESP != 0 && in.ESP < minSPI:
		return false
	case in.ESP != 0:
		return last == ProtoAH
	}
	return last == ProtoESP || last == ProtoAH
}

// IsBundle reports whether the SAID names a bundle.
func (s SAID) IsBundle() bool { return s.Inner != Inner{} }

// Bundle returns the SAs that process a packet, in order: those of a bundle, or the SA itself. nil for a magic SAID and
// for a group.
func (s SAID) Bundle() (sas []SAID) {
	if s.IsGroup() || s.Action() != ActionSA {
		return nil
	}
	if s.Inner.Comp != 0 {
		sas = append(sas, SAID{Proto: ProtoComp, SPI: s.Inner.Comp, Dst: s.Dst})
	}
	if s.Inner.ESP != 0 {
		sas = append(sas, SAID{Proto: ProtoESP, SPI: s.Inner.ESP, Dst: s.Dst})
	}
	return append(sas, SAID{Proto: s.Proto, SPI: s.SPI, Dst: s.Dst})
}

// CompareSA orders SAs and bundles by destination, SPI and protocol, those of the last SA of a bundle first.
func (s SAID) CompareSA(o SAID) int {
	return cmp.Or(s.Dst.Compare(o.Dst), cmp.Compare(s.SPI, o.SPI), cmp.Compare(s.Proto, o.Proto),
		cmp.Compare(s.Inner.ESP, o.Inner.ESP), cmp.Compare(s.Inner.Comp, o.Inner.Comp))
}

// ClashesWith reports whether two SAIDs, one of which is a bundle at least, can name the same state: then only one of them can
// use it.
func (s SAID) ClashesWith(o SAID) bool {
	if s == o || !s.IsBundle() && !o.IsBundle() {
		return false
	}
	for _, x := range s.Bundle() {
		for _, y := range o.Bundle() {
			if x.SPI == y.SPI && x.Dst == y.Dst && (x.Proto == y.Proto || x.Proto == ProtoTun || y.Proto == ProtoTun) {
				return true
			}
		}
	}
	return false
}

// bundleText is the text of an SA or of a bundle: its SAs, separated by +.
func (s SAID) bundleText() string {
	var texts []string
	for _, sa := range s.Bundle() {
		texts = append(texts, fmt.Sprintf("%s0x%x@%s", ProtocolName(sa.Proto), sa.SPI, sa.Dst))
	}
	return strings.Join(texts, "+")
}
