// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Ring returns the assignment of a ring. Its Version is 0 if it has none.
func (s *Store) Ring(ctx context.Context, ring string) (Stored, error) {
	v, err := s.get(ctx, s.key("ring", ring))
	if errors.Is(err, ErrNotFound) {
		return Stored{Name: ring}, nil
	}
	return v, err
}

// Rings returns the assignments of all rings.
func (s *Store) Rings(ctx context.Context) ([]Stored, error) {
	all, _, err := s.list(ctx, "ring")
	return all, err
}

// Assign replaces the assignment of a ring, if the ring still has that of version before and the lock is held. It
// returns the new version.
func (s *Store) Assign(ctx context.Context, ring string, before int64, value []byte, lock *Lock) (int64, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	key := s.key("ring", ring)
	done, err := s.client.Txn(ctx).If(
		clientv3.Compare(clientv3.ModRevision(key), "=", before),
		lock.held(),
	).Then(clientv3.OpPut(key, string(value))).Else(clientv3.OpGet(s.lockKey())).Commit()
	if err != nil {
		return 0, explain(err)
	}
	if !done.Succeeded {
		if locks := done.Responses[0].GetResponseRange().Kvs; len(locks) == 0 || locks[0].CreateRevision != lock.created {
			return 0, errLockLost
		}
		return 0, fmt.Errorf("ring %s: another rollout has changed it", ring)
	}
	return done.Header.Revision, nil
}

// Times of a watch. A watch can hang without an error (etcd issue 17611): a healthy one answers each request for
// progress.
const (
	progressInterval = 5 * time.Second
	progressTimeout  = 3 * progressInterval
)

// ErrSilent means that the store does not answer on a watch.
var ErrSilent = errors.New("the watch does not answer")

// FollowRing calls take with the assignment of a ring, if there is one, and then with each other one. It calls alive
// each time that the store has answered. It returns when the context ends or the watch fails, also if the versions
// that it needs are compacted: the caller calls it again on a new connection, and it reads the ring's assignment
// again.
func (s *Store) FollowRing(ctx context.Context, ring string, take func(Stored), alive func()) error {
	key := s.key("ring", ring)
	request, cancel := within(ctx)
	defer cancel()
	now, err := s.client.Get(request, key)
	if err != nil {
		return explain(err)
	}
	alive()
	for _, kv := range now.Kvs {
		take(Stored{ring, kv.Value, kv.ModRevision})
	}
	// From the version of the store, not of the key, which may be compacted.
	return s.watch(ctx, key, now.Header.Revision+1, alive, func(e *clientv3.Event) {
		if e.Type == clientv3.EventTypePut {
			take(Stored{ring, e.Kv.Value, e.Kv.ModRevision})
		}
	})
}

// watch calls take with each event of a key from a version on, and alive with each answer.
func (s *Store) watch(ctx context.Context, key string, from int64, alive func(), take func(*clientv3.Event), options ...clientv3.OpOption) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	answers := s.client.Watch(ctx, key, append(options, clientv3.WithRev(from), clientv3.WithCreatedNotify(), clientv3.WithProgressNotify())...)
	ask := time.NewTicker(progressInterval)
	defer ask.Stop()
	silence := time.NewTimer(progressTimeout)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-silence.C:
			return ErrSilent
		case <-ask.C:
			// It fails without a connection; then the timer ends the watch.
			go func() { _ = s.client.RequestProgress(ctx) }()
		case a, open := <-answers:
			if err := a.Err(); err != nil {
				return explain(err)
			}
			if !open {
				return errors.Join(ctx.Err(), errors.New("the watch has ended"))
			}
			alive()
			silence.Reset(progressTimeout)
			for _, e := range a.Events {
				take(e)
			}
		}
	}
}
