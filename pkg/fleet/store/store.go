// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/coreos/go-semver/semver"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// Times of the connection. A gateway whose store was away is back within maxRetry.
const (
	requestTimeout = 5 * time.Second
	keepAliveTime  = 10 * time.Second
	maxRetry       = 5 * time.Second
)

// Config is how to reach the store.
type Config struct {
	Endpoints     []string
	Prefix        string // of all keys
	CA, Cert, Key string // files in PEM; all "": no TLS
}

// Store is a connection to etcd.
type Store struct {
	client *clientv3.Client
	root   string // <prefix>/v1
}

// Open returns a store. It does not wait for a connection: the first request does.
func Open(c Config) (*Store, error) {
	secure, err := c.tls()
	if err != nil {
		return nil, err
	}
	retry := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxRetry}, MinConnectTimeout: requestTimeout}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: c.Endpoints, TLS: secure, Logger: zap.NewNop(),
		DialTimeout: requestTimeout, DialKeepAliveTime: keepAliveTime, DialKeepAliveTimeout: requestTimeout,
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(retry)},
	})
	if err != nil {
		return nil, err
	}
	return &Store{client, path.Join("/", c.Prefix, "v1")}, nil
}

func (c *Config) tls() (*tls.Config, error) {
	if c.CA == "" && c.Cert == "" && c.Key == "" {
		for _, e := range c.Endpoints {
			if strings.HasPrefix(e, "https:") {
				return nil, fmt.Errorf("endpoint %q: TLS without ca, cert and key", e)
			}
		}
		return nil, nil
	}
	if c.CA == "" || c.Cert == "" || c.Key == "" {
		return nil, errors.New("TLS needs all of ca, cert and key")
	}
	for _, e := range c.Endpoints {
		if scheme, _, _ := strings.Cut(strings.ToLower(e), ":"); scheme == "http" { // the client would leave out TLS
			return nil, fmt.Errorf("endpoint %q: without TLS, in spite of ca, cert and key: want https://", e)
		}
	}
	return transport.TLSInfo{TrustedCAFile: c.CA, CertFile: c.Cert, KeyFile: c.Key}.ClientConfig()
}

// Close ends the connection.
func (s *Store) Close() error { return s.client.Close() }

func (s *Store) key(parts ...string) string { return s.root + "/" + strings.Join(parts, "/") }

// within limits the time of a request, which otherwise waits for a connection without an end.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, requestTimeout)
}

// explain adds to an error of a request that nothing answered it.
func explain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the store does not answer: %w", err)
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// minVersion is the oldest etcd whose authorization can be relied on: GHSA-xg4h-6gfc-h4m8 is fixed in it.
var minVersion = semver.Version{Major: 3, Minor: 7, Patch: 1}

// CheckVersion returns an error if a member that answers is older than 3.7.1, or none answers.
func (s *Store) CheckVersion(ctx context.Context) error {
	var failed error
	answered := false
	for _, e := range s.client.Endpoints() {
		ctx, cancel := within(ctx)
		status, err := s.client.Status(ctx, e)
		cancel()
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", e, explain(err)))
			continue
		}
		answered = true
		if err := checkVersion(status.Version); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
	}
	if !answered {
		return failed
	}
	return nil
}

func checkVersion(text string) error {
	v, err := semver.NewVersion(text)
	if err != nil {
		return fmt.Errorf("etcd version %q: %w", text, err)
	}
	if v.LessThan(minVersion) {
		return fmt.Errorf("etcd %s: want %s or later, which fixes GHSA-xg4h-6gfc-h4m8", v, minVersion)
	}
	return nil
}
