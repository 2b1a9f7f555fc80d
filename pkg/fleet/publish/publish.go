// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"crypto/ed25519"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
)

// Publisher signs and stores revisions.
type Publisher struct {
	Store  *store.Store
	Key    ed25519.PrivateKey
	Keys   []ed25519.PublicKey // pinned by the operator: for what the store contains
	Author string
}

// Publish stores a table as a revision, and returns its ID. A table that is already published keeps its revision; the
// pieces of its blob are repaired if necessary.
func (p *Publisher) Publish(ctx context.Context, t *Table, checks []string) (id string, err error) {
	blob, err := fleet.Pack(t.Text)
	if err != nil {
		return "", err
	}
	there, err := p.Store.Revisions(ctx)
	if err != nil {
		return "", err
	}
	parent := ""
	for _, v := range there {
		r, err := fleet.OpenRevision(v.Name, v.Value, p.Keys)
		if err != nil { // not a revision: gateways refuse it, too
			continue
		}
		if r.Blob == blob.ID {
			return v.Name, p.Store.Publish(ctx, v.Name, v.Value, blob)
		}
		parent = v.Name
	}
	r := fleet.NewRevision(blob)
	r.Eroutes, r.Parent, r.Author, r.Time, r.Checks = t.Eroutes, parent, p.Author, time.Now().UTC().Truncate(time.Second), checks
	id, value, err := r.Sign(p.Key)
	if err != nil {
		return "", err
	}
	return id, p.Store.Publish(ctx, id, value, blob)
}
