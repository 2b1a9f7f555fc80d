// SPDX-License-Identifier: Apache-2.0

// Package prune removes old revisions from the store.
package prune

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
)

// Pruner removes revisions.
type Pruner struct {
	Store  *store.Store
	Keys   []ed25519.PublicKey // pinned by the operator: for what the store contains
	Author string
	Keep   int  // number of the newest revisions that remain in any case
	Check  bool // remove nothing
}

// revision is one of the store.
type revision struct {
	id   string
	blob string // "": the revision is not valid
}

// Removed is what was removed, or would be.
type Removed struct {
	Revisions []string
	Blobs     int
	Kept      int // revisions
}

// Run removes revisions that are not named, in the order in which they were published. It holds the lock of rollouts: none
// begins with a revision that is removed.
func (p *Pruner) Run(ctx context.Context) (removed Removed, err error) {
	lock, ctx, err := p.Store.Lock(ctx, p.Author)
	if err != nil {
		return removed, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	stored, err := p.Store.Revisions(ctx)
	if err != nil {
		return removed, err
	}
	var all []revision
	parents := map[string]string{}
	for _, v := range stored {
		r := revision{id: v.Name}
		if opened, err := fleet.OpenRevision(v.Name, v.Value, p.Keys); err == nil {
			r.blob, parents[v.Name] = opened.Blob, opened.Parent
		}
		all = append(all, r)
	}
	named, err := p.named(ctx, parents)
	if err != nil {
		return removed, err
	}
	old, blobs := choose(all, named, p.Keep)
	removed.Kept = len(all) - len(old)
	for i, r := range old {
		if !p.Check {
			if err := p.Store.RemoveRevision(ctx, r.id, blobs[i], lock); err != nil {
				return removed, err
			}
		}
		removed.Revisions = append(removed.Revisions, r.id)
		if blobs[i] != "" {
			removed.Blobs++
		}
	}
	return removed, nil
}

// named returns the revisions that rings or reports of gateways name, and the parents of those that rings have.
func (p *Pruner) named(ctx context.Context, parents map[string]string) (map[string]bool, error) {
	named := map[string]bool{}
	rings, err := p.Store.Rings(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range rings {
		a, err := fleet.OpenAssignment(v.Name, v.Value, p.Keys)
		if err != nil { // what it names is not known
			return nil, fmt.Errorf("nothing is removed: %w", err)
		}
		named[a.Revision], named[a.Previous], named[parents[a.Revision]] = true, true, true
	}
	statuses, err := p.Store.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range statuses {
		named[s.Revision], named[s.Confirmed] = true, true
	}
	return named, nil
}

// choose returns the revisions to remove of all, the oldest first, and for each the blob that no other revision has then, or
// "". A blob whose revision is not valid, or is not stored yet, is not known and remains.
func choose(all []revision, named map[string]bool, keep int) (remove []revision, blobs []string) {
	uses := map[string]int{}
	for i, r := range all {
		uses[r.blob]++
		if i < len(all)-keep && !named[r.id] {
			remove = append(remove, r)
		}
	}
	for _, r := range remove {
		blob := ""
		if uses[r.blob]--; uses[r.blob] == 0 {
			blob = r.blob
		}
		blobs = append(blobs, blob)
	}
	return remove, blobs
}
