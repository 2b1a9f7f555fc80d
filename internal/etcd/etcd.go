// SPDX-License-Identifier: Apache-2.0

// Package etcd runs members of etcd in the process: for the demo, tests and measurements, not to be relied on.
package etcd

import (
	"errors"
	"net"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// Config returns the settings of a member on its own that keeps its data in a directory, which may be lost in a crash
// of the machine. client is the URL for its clients.
func Config(dir string, client url.URL) (*embed.Config, error) {
	peer, err := FreeURL("http")
	if err != nil {
		return nil, err
	}
	c := embed.NewConfig()
	c.Dir = dir
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	c.TickMs, c.ElectionMs = 20, 200
	c.EnableGRPCGateway, c.UnsafeNoFsync = false, true
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	return c, nil
}

// Durable gives a member a name and the times of etcd itself, and makes it wait until its data is on disk.
func Durable(c *embed.Config, name string) {
	standard := embed.NewConfig()
	c.Name, c.TickMs, c.ElectionMs, c.UnsafeNoFsync = name, standard.TickMs, standard.ElectionMs, false
}

// FreeURL returns a URL of the loopback with a port that is free now: etcd cannot choose one and say which.
func FreeURL(scheme string) (url.URL, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return url.URL{}, err
	}
	return url.URL{Scheme: scheme, Host: l.Addr().String()}, l.Close()
}

// patience is the time for a member to become ready.
const patience = 30 * time.Second

// Start starts a member and waits until it is ready. It can be started again after it was closed.
func Start(c *embed.Config) (*embed.Etcd, error) {
	config := *c
	e, err := embed.StartEtcd(&config)
	if err != nil {
		return nil, err
	}
	select {
	case <-e.Server.ReadyNotify():
		return e, nil
	case err = <-e.Err():
	case <-time.After(patience):
		err = errors.New("etcd is not ready")
	}
	e.Close()
	return nil, err
}
