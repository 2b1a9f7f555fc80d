// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"io/fs"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/cost"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Gather collects the facts of the calling thread's network namespace. A table that cannot be read is one of the
// facts; an error means that the process lacks privileges. Needs CAP_SYS_ADMIN and CAP_NET_ADMIN.
func Gather() (*Facts, error) {
	if err := loader.CheckDescriptors(); err != nil {
		return nil, err
	}
	missing, err := probe(allFeatures)
	if err != nil {
		return nil, err
	}
	f := &Facts{Now: time.Now(), Missing: missing}
	if err := f.gatherTable(); err != nil {
		return nil, err
	}
	if len(f.Devices) == 0 {
		if err := f.gatherInterfaces(); err != nil {
			return nil, err
		}
	}
	if err := f.gatherXFRM(); err != nil {
		return nil, err
	}
	return f, nil
}

// gatherTable reads the table and what is attached to it.
func (f *Facts) gatherTable() (err error) {
	t, err := maps.OpenRead()
	switch {
	case errors.Is(err, loader.ErrNoTable):
		return nil
	case errors.Is(err, fs.ErrPermission):
		return err
	case err != nil:
		f.TableError = err
		return nil
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	read := Table{HalfWritten: t.HalfWritten(), HalfRestored: t.HalfRestored()}
	if read.Stats, err = t.Stats(); err != nil {
		f.TableError = err
		return nil
	}
	f.Table = &read
	if err := read.gatherExpensive(t); err != nil {
		return err
	}
	uses, err := t.SAUses()
	if err != nil {
		return err
	}
	for _, use := range uses {
		f.SAs = append(f.SAs, SA{SAUse: use})
	}
	if err := f.gatherDevices(t); err != nil || len(f.Devices) == 0 {
		return err
	}
	if err := f.gatherInterfaces(); err != nil {
		return err
	}
	if err := f.gatherRoutes(); err != nil {
		return err
	}
	return errors.Join(f.gatherProtected(t), f.gatherFollowing(t))
}

// gatherExpensive finds the packets with the longest lookups and measures them.
func (read *Table) gatherExpensive(t *maps.Table) error {
	var all cost.Table
	for s, err := range t.Selectors() {
		if err != nil {
			return err
		}
		all.Add(s)
	}
	for _, w := range all.Expensive() {
		measured, err := t.LookupTime(w.Flows)
		if err != nil {
			return err
		}
		read.Expensive = append(read.Expensive, Expensive{w, measured})
	}
	return nil
}

// gatherXFRM reads the states and matches them to the SAs of the table.
func (f *Facts) gatherXFRM() (err error) {
	var states xfrm.States
	var bound map[uint32]xfrm.Binding
	if f.Missing["XFRM"] == nil {
		h, err := xfrm.Open()
		if err != nil {
			return err
		}
		defer func() { _ = h.Close() }()
		if states, err = h.States(); err != nil {
			return err
		}
		if f.Usages, err = h.Usages(f.Now); err != nil {
			return err
		}
		if bound, err = h.Bound(); err != nil {
			return err
		}
		if err := f.gatherAllowed(h); err != nil {
			return err
		}
		if f.InPolicies, err = h.HasInPolicies(); err != nil {
			return err
		}
		if f.Listeners, err = xfrm.Listeners(); err != nil {
			return err
		}
	}
	peers, err := newPeers()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, peers.router.Close()) }()
	f.Own, f.ESP4Offload = peers.own, xfrm.HasESPOffload()
	for i := range f.SAs {
		sa := &f.SAs[i]
		state, err := states.Find(sa.SAID)
		if err == nil {
			err = sa.refused(state)
		}
		sa.judge(state, err, f.Usages, states, bound)
		if sa.Problem = err; err != nil {
			continue
		}
		if err := peers.gather(sa, state); err != nil {
			return err
		}
	}
	return nil
}
