// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// lockTTL is the time in seconds after which the lock of an operator who is gone is free.
const lockTTL = 15

// Lock is the lock of rollouts.
type Lock struct {
	s       *Store
	lease   clientv3.LeaseID
	created int64 // version of the store when the lock was taken, which [Store.Assign] compares
	cancel  context.CancelFunc
}

func (s *Store) lockKey() string { return s.key("lock", "rollout") }

// Lock takes the lock of rollouts. The context that it returns ends when the lock is lost.
func (s *Store) Lock(ctx context.Context, who string) (*Lock, context.Context, error) {
	request, cancel := within(ctx)
	defer cancel()
	lease, err := s.client.Grant(request, lockTTL)
	if err != nil {
		return nil, nil, explain(err)
	}
	l := &Lock{s: s, lease: lease.ID}
	key := s.lockKey()
	done, err := s.client.Txn(request).If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, who, clientv3.WithLease(lease.ID))).Else(clientv3.OpGet(key)).Commit()
	if err == nil && !done.Succeeded {
		holder := done.Responses[0].GetResponseRange().Kvs[0].Value
		err = fmt.Errorf("a rollout of %s runs", holder)
	} else {
		err = explain(err)
	}
	if err != nil {
		_, revoked := s.client.Revoke(request, lease.ID)
		return nil, nil, errors.Join(err, revoked)
	}
	l.created = done.Header.Revision
	held, cancelHeld := context.WithCancelCause(ctx)
	l.cancel = func() { cancelHeld(context.Canceled) }
	alive, err := s.client.KeepAlive(held, lease.ID)
	if err != nil {
		return nil, nil, errors.Join(explain(err), l.Release())
	}
	go func() {
		for range alive {
		}
		cancelHeld(errLockLost)
	}()
	return l, held, nil
}

var errLockLost = fmt.Errorf("the lock of rollouts is lost: the store did not answer for %d s", lockTTL)

// held is true in a transaction while the lock is held.
func (l *Lock) held() clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(l.s.lockKey()), "=", l.created)
}

// Release frees the lock, unless it is lost.
func (l *Lock) Release() error {
	l.cancel()
	ctx, cancel := within(context.Background())
	defer cancel()
	_, err := l.s.client.Revoke(ctx, l.lease)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return nil
	}
	return explain(err)
}
