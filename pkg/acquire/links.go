// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/netlisten"
)

const (
	// linkSettleTime is the time to wait for further changes of interfaces, addresses and routes, which are
	// then handled together.
	linkSettleTime = 20 * time.Millisecond
	// linkRetry is the time after which a failed update is retried.
	linkRetry = 5 * time.Second
	// linkShare limits the share of a CPU that a flood of route changes takes: at most 1 in linkShare.
	linkShare = 10
)

// linkFollower adapts the ipsec devices to changes of interfaces, addresses and routes.
type linkFollower struct {
	log    *slog.Logger
	failed string // the last error, "" if there was none: repeats are not logged
}

// run follows changes until the context ends, first those from before the call.
func (l *linkFollower) run(ctx context.Context, watcher *netlisten.Socket) error {
	for {
		pause(ctx, linkSettleTime)
		begin := time.Now()
		l.follow()
		pause(ctx, linkShare*time.Since(begin))
		for notified := false; !notified; {
			err := watcher.Wait(heartbeatTimeout/6, nil)
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			notified = err == nil || l.failed != "" && time.Since(begin) > linkRetry
		}
	}
}

// pause returns after a time, or when the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// follow updates the devices. It takes the table's write lock only if something differs, because unrelated
// routes may change often.
func (l *linkFollower) follow() {
	needed, err := needsFollow()
	if err == nil && needed {
		err = l.change()
	}
	failed := ""
	if err != nil {
		failed = err.Error()
	}
	if failed != "" && failed != l.failed {
		l.log.Error("follow interfaces", "error", err)
	}
	l.failed = failed
}

func needsFollow() (needed bool, err error) {
	t, err := maps.OpenRead()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return device.NeedsFollow(t)
}

func (l *linkFollower) change() (err error) {
	t, err := maps.OpenWrite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	done, err := device.Follow(t)
	for _, d := range done {
		l.log.Info("follow interfaces", "found", d.Text)
	}
	return err
}
