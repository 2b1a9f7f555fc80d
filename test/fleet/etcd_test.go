// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// etcd is a member that can be stopped and started with its data.
type etcd struct {
	config *embed.Config
	server *embed.Etcd
}

// newEtcd starts a member with an empty data directory.
func newEtcd(dir string) (*etcd, error) {
	// Both ports are free now; etcd cannot choose one and say which.
	var urls [2]url.URL
	for i := range urls {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		urls[i] = url.URL{Scheme: "http", Host: l.Addr().String()}
	}
	cfg := embed.NewConfig()
	cfg.Dir = filepath.Join(dir, "etcd")
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = urls[:1], urls[:1]
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = urls[1:], urls[1:]
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.TickMs, cfg.ElectionMs = 20, 200
	cfg.EnableGRPCGateway, cfg.UnsafeNoFsync = false, true
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	return &etcd{config: cfg}, nil
}

func (e *etcd) start() (err error) {
	config := *e.config
	if e.server, err = embed.StartEtcd(&config); err != nil {
		return err
	}
	select {
	case <-e.server.Server.ReadyNotify():
		return nil
	case err := <-e.server.Err():
		return err
	case <-time.After(patience):
		return fmt.Errorf("etcd is not ready")
	}
}

func (e *etcd) stop() { e.server.Close() }

func (e *etcd) address() string { return e.config.ListenClientUrls[0].Host }

func (e *etcd) client(t *testing.T) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{e.config.ListenClientUrls[0].String()}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// proxy is the way from a namespace to etcd, which can be cut.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

// newProxy listens on an address in a node's namespace and forwards connections to target.
func newProxy(node *lab.Node, address, target string) (*proxy, error) {
	p := &proxy{target: target, conns: map[net.Conn]bool{}}
	err := node.Do(func() (err error) {
		p.listener, err = net.Listen("tcp", address)
		return err
	})
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			from, err := p.listener.Accept()
			if err != nil {
				return
			}
			go p.forward(from)
		}
	}()
	return p, nil
}

func (p *proxy) forward(from net.Conn) {
	to, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = from.Close()
		return
	}
	p.mu.Lock()
	if p.cut {
		_, _ = from.Close(), to.Close()
	}
	p.conns[from], p.conns[to] = true, true
	p.mu.Unlock()
	done := make(chan struct{}, 2)
	pipe := func(a, b net.Conn) {
		_, _ = io.Copy(a, b)
		done <- struct{}{}
	}
	go pipe(from, to)
	go pipe(to, from)
	<-done
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = from.Close(), to.Close()
	delete(p.conns, from)
	delete(p.conns, to)
}

// setCut cuts all connections, and refuses new ones until it is called with false.
func (p *proxy) setCut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if cut {
		for c := range p.conns {
			_ = c.Close()
		}
	}
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.setCut(true)
}

// The fleet of all tests: building and starting it takes longer than most of them.
var (
	server *etcd
	nodes  *lab.Lab
)

// setUp starts etcd and makes the namespaces.
func setUp(dir string) (err error) {
	if server, err = newEtcd(dir); err != nil {
		return err
	}
	if err := server.start(); err != nil {
		return err
	}
	nodes, err = lab.New("fleet")
	return err
}

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

var background = context.Background()
