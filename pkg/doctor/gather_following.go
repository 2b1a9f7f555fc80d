// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"

	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// gatherFollowing compares the policies of XFRM with the eroutes that follow them.
func (f *Facts) gatherFollowing(t *maps.Table) (err error) {
	follows, err := t.Follows()
	if err != nil || !follows || f.Missing["XFRM"] != nil {
		return err
	}
	h, err := xfrm.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	policies, err := h.Policies()
	if err != nil {
		return err
	}
	changes, left, err := t.Following(policies)
	if err != nil {
		return err
	}
	f.Following = &Following{Behind: changes.Len()}
	for _, l := range left {
		f.Following.Left = append(f.Following.Left, l.String())
	}
	return nil
}
