// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
)

// Gateways returns the registered gateways, by ID.
func (s *Store) Gateways(ctx context.Context) (map[string]fleet.Gateway, error) {
	all, _, err := s.list(ctx, "gateway")
	return decodeAll[fleet.Gateway](all), err
}

// Statuses returns the reports of the gateways that are online, by ID.
func (s *Store) Statuses(ctx context.Context) (map[string]fleet.Status, error) {
	all, _, err := s.list(ctx, "status")
	return decodeAll[fleet.Status](all), err
}

// decodeAll decodes values; it leaves out those that are malformed, as if the gateway had not written them.
func decodeAll[T any](all []Stored) map[string]T {
	decoded := make(map[string]T, len(all))
	for _, v := range all {
		if d, err := fleet.Decode[T](v.Value); err == nil {
			decoded[v.Name] = d
		}
	}
	return decoded
}

// listPause is the time before the reports are listed again after a failed watch.
const listPause = 200 * time.Millisecond

// FollowStatuses calls take with the reports of all gateways, and again after each change, until take returns false or
// the context ends.
func (s *Store) FollowStatuses(ctx context.Context, take func(map[string]fleet.Status) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := false
	for {
		all, version, err := s.list(ctx, "status")
		if err != nil {
			return err
		}
		statuses := decodeAll[fleet.Status](all)
		if !take(statuses) {
			return nil
		}
		start := s.key("status") + "/"
		_ = s.watch(ctx, start, version+1, func() {}, func(e *clientv3.Event) {
			id := string(e.Kv.Key[len(start):])
			delete(statuses, id)
			if d, err := fleet.Decode[fleet.Status](e.Kv.Value); err == nil && e.Type == clientv3.EventTypePut {
				statuses[id] = d
			}
			if !done && !take(statuses) {
				done = true
				cancel()
			}
		}, clientv3.WithPrefix())
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(listPause):
		}
	}
}

func (s *Store) register(ctx context.Context, g fleet.Gateway) error {
	value, err := json.Marshal(g)
	if err != nil {
		return err
	}
	return s.putOnce(ctx, s.key("gateway", g.ID), value)
}

// Remove removes a gateway that no longer exists.
func (s *Store) Remove(ctx context.Context, id string) error {
	ctx, cancel := within(ctx)
	defer cancel()
	done, err := s.client.Delete(ctx, s.key("gateway", id))
	if err == nil && done.Deleted == 0 {
		return fmt.Errorf("gateway %q: %w", id, ErrNotFound)
	}
	return explain(err)
}

// Report keeps the status of one gateway in the store, under a lease.
type Report struct {
	s       *Store
	gateway fleet.Gateway
	ttl     time.Duration
	lease   clientv3.LeaseID // 0: none
	put     []byte           // value under the lease
	version int64            // of the store, when it answered last
}

// NewReport returns the report of a gateway. It must be sent more often than once in ttl.
func (s *Store) NewReport(g fleet.Gateway, ttl time.Duration) *Report {
	return &Report{s: s, gateway: g, ttl: ttl}
}

// Send stores a status if it differs from the last one, and extends the lease. With a new lease it registers the
// gateway, which was removed while it was offline. If the version of the store has become lower, the store was restored
// from a backup, in which the gateway, its lease and its status may be as they were before: they are stored again.
func (r *Report) Send(ctx context.Context, status fleet.Status) error {
	value, err := json.Marshal(status)
	if err != nil {
		return err
	}
	ctx, cancel := within(ctx)
	defer cancel()
	if r.lease != 0 {
		alive, err := r.s.client.KeepAliveOnce(ctx, r.lease)
		switch {
		case errors.Is(err, rpctypes.ErrLeaseNotFound):
			r.lease = 0
		case err != nil:
			return explain(err)
		case alive.Revision < r.version: // or a member answers that is behind
			r.lease = 0
		default:
			r.version = alive.Revision
		}
	}
	if r.lease == 0 {
		if err := r.s.register(ctx, r.gateway); err != nil {
			return err
		}
		lease, err := r.s.client.Grant(ctx, int64(r.ttl/time.Second))
		if err != nil {
			return explain(err)
		}
		r.lease, r.put, r.version = lease.ID, nil, lease.Revision
	}
	if string(r.put) == string(value) {
		return nil
	}
	done, err := r.s.client.Put(ctx, r.s.key("status", status.ID), string(value), clientv3.WithLease(r.lease))
	if err != nil {
		return explain(err)
	}
	r.put, r.version = value, done.Header.Revision
	return nil
}

// End removes the report.
func (r *Report) End(ctx context.Context) error {
	if r.lease == 0 {
		return nil
	}
	ctx, cancel := within(ctx)
	defer cancel()
	_, err := r.s.client.Revoke(ctx, r.lease)
	return explain(err)
}
