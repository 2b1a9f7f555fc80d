// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
)

// Publish stores a revision and its blob. The revision is written last: if it exists, so do all its pieces. It can be
// repeated, and repairs pieces that are not those of the blob.
func (s *Store) Publish(ctx context.Context, id string, revision []byte, b *fleet.Blob) error {
	for n, piece := range b.Pieces {
		if err := s.putOnce(ctx, s.pieceKey(b.ID, n), piece); err != nil {
			return err
		}
	}
	return s.putOnce(ctx, s.key("rev", id), revision)
}

func (s *Store) pieceKey(blob string, n int) string {
	return s.key("blob", blob, fmt.Sprintf("%04d", n))
}

// putOnce stores a value unless it is there.
func (s *Store) putOnce(ctx context.Context, key string, value []byte) error {
	ctx, cancel := within(ctx)
	defer cancel()
	got, err := s.client.Get(ctx, key)
	if err == nil && (len(got.Kvs) == 0 || !bytes.Equal(got.Kvs[0].Value, value)) {
		_, err = s.client.Put(ctx, key, string(value))
	}
	return explain(err)
}

// Stored is a value of the store that is not verified yet.
type Stored struct {
	Name    string // the end of its key
	Value   []byte
	Version int64 // of the store when the value was written
}

// ErrNotFound means that there is no such key.
var ErrNotFound = errors.New("not found")

// Revision returns a revision.
func (s *Store) Revision(ctx context.Context, id string) ([]byte, error) {
	v, err := s.get(ctx, s.key("rev", id))
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("revision %s: %w", fleet.ShortID(id), err)
	}
	return v.Value, err
}

// minPrefix is the minimum length of the beginning of an ID that names a revision.
const minPrefix = 4

// FindRevision returns the ID of the only revision whose ID begins with a text.
func (s *Store) FindRevision(ctx context.Context, text string) (string, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	if len(text) < minPrefix {
		return "", fmt.Errorf("revision %q: want at least %d digits", text, minPrefix)
	}
	start := s.key("rev") + "/"
	got, err := s.client.Get(ctx, start+text, clientv3.WithPrefix(), clientv3.WithKeysOnly(), clientv3.WithLimit(2))
	if err != nil {
		return "", explain(err)
	}
	switch len(got.Kvs) {
	case 0:
		return "", fmt.Errorf("revision %q: %w", text, ErrNotFound)
	case 1:
		id, ok := strings.CutPrefix(string(got.Kvs[0].Key), start)
		if !ok || !fleet.IsID(id) || !strings.HasPrefix(id, text) { // a rollout of another revision than the operator's
			return "", fmt.Errorf("revision %q: the store returned the key %q", text, got.Kvs[0].Key)
		}
		return id, nil
	}
	return "", fmt.Errorf("revision %q: more than one begins with this", text)
}

// Revisions returns all revisions in the order in which they were published.
func (s *Store) Revisions(ctx context.Context) ([]Stored, error) {
	all, _, err := s.list(ctx, "rev", clientv3.WithSort(clientv3.SortByCreateRevision, clientv3.SortAscend))
	return all, err
}

// RemoveRevision removes a revision, and a blob unless it is "", if the lock is held.
func (s *Store) RemoveRevision(ctx context.Context, id, blob string, lock *Lock) error {
	ctx, cancel := within(ctx)
	defer cancel()
	remove := []clientv3.Op{clientv3.OpDelete(s.key("rev", id))}
	if blob != "" {
		remove = append(remove, clientv3.OpDelete(s.key("blob", blob)+"/", clientv3.WithPrefix()))
	}
	done, err := s.client.Txn(ctx).If(lock.held()).Then(remove...).Commit()
	if err == nil && !done.Succeeded {
		err = errors.New("the lock of rollouts is lost")
	}
	return explain(err)
}

// Pieces returns the pieces of a revision's blob.
func (s *Store) Pieces(ctx context.Context, r *fleet.Revision) ([][]byte, error) {
	pieces := make([][]byte, r.Pieces)
	for n := range pieces {
		v, err := s.get(ctx, s.pieceKey(r.Blob, n))
		if errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("piece %d of %d of blob %s: %w", n+1, r.Pieces, fleet.ShortID(r.Blob), err)
		}
		if err != nil {
			return nil, err
		}
		pieces[n] = v.Value
	}
	return pieces, nil
}

func (s *Store) get(ctx context.Context, key string) (Stored, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	got, err := s.client.Get(ctx, key)
	if err != nil {
		return Stored{}, explain(err)
	}
	if len(got.Kvs) == 0 {
		return Stored{}, ErrNotFound
	}
	kv := got.Kvs[0]
	return Stored{path.Base(key), kv.Value, kv.ModRevision}, nil
}

// list returns all values of one kind, and the version of the store.
func (s *Store) list(ctx context.Context, kind string, options ...clientv3.OpOption) (all []Stored, version int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*requestTimeout)
	defer cancel()
	start := s.key(kind) + "/"
	got, err := s.client.Get(ctx, start, append(options, clientv3.WithPrefix())...)
	if err != nil {
		return nil, 0, explain(err)
	}
	for _, kv := range got.Kvs {
		all = append(all, Stored{string(kv.Key[len(start):]), kv.Value, kv.ModRevision})
	}
	return all, got.Header.Revision, nil
}

// Reach returns an error if the store does not answer within a time.
func (s *Store) Reach(ctx context.Context, ring string, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_, err := s.client.Get(ctx, s.key("ring", ring))
	return explain(err)
}
