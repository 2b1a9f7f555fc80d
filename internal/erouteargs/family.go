// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"fmt"
	"net/netip"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// family returns the address family of the fields, 0 if it depends on the lookup of host names.
func (f *selectorFields) family() (eroute.Family, error) {
	src, dst := eroute.TextFamily(f.src.Text), eroute.TextFamily(f.dst.Text)
	if f.eraf.Given() {
		family, err := eroute.ParseFamily(f.eraf.Text)
		if err != nil {
			return 0, f.eraf.Refuse(err)
		}
		for i, got := range []eroute.Family{src, dst} {
			if got != 0 && got != family {
				return 0, fmt.Errorf("%v is %v, but --eraf says %q", []cli.Field{f.src, f.dst}[i], got, f.eraf.Text)
			}
		}
		return family, nil
	}
	if src != 0 && dst != 0 && src != dst {
		return 0, fmt.Errorf("%v is %v, but %v is %v: %w", f.src, src, f.dst, dst, eroute.ErrMixedFamilies)
	}
	if src != 0 {
		return src, nil
	}
	return dst, nil
}

// ends parses source and destination. Without a family, both have the family of the one that determines it.
func (f *selectorFields) ends(family eroute.Family, parse parsePrefixFunc) (src, dst netip.Prefix, err error) {
	const everything = "%default"
	if family == 0 && f.src.Text == everything && f.dst.Text == everything {
		return src, dst, fmt.Errorf("%v and %v: of which address family? give --eraf inet or --eraf inet6", f.src, f.dst)
	}
	if family == 0 && f.src.Text == everything {
		if dst, err = parse(f.dst.Text, 0); err != nil {
			return src, dst, f.dst.Refuse(err)
		}
		family = eroute.FamilyOf(dst.Addr())
	}
	if src, err = parse(f.src.Text, family); err != nil {
		return src, dst, f.src.Refuse(err)
	}
	if dst, err = parse(f.dst.Text, eroute.FamilyOf(src.Addr())); err != nil {
		return src, dst, f.dst.Refuse(err)
	}
	return src, dst, nil
}
