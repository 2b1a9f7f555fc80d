// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	member "github.com/ipsec-eroute/eroute/internal/etcd"
	"github.com/ipsec-eroute/eroute/internal/lab"
)

// etcd is a member that can be stopped and started with its data. It accepts only clients with a certificate, whose
// common name is their user, and authorizes them.
type etcd struct {
	certificates member.Certificates
	config       *embed.Config
	server       *embed.Etcd
	root         *clientv3.Client
}

// newEtcd starts a member with an empty data directory.
func newEtcd(dir string) (*etcd, error) {
	addresses := []string{"127.0.0.1", nodes.East.WAN4.String(), nodes.West.WAN4.String()}
	certificates, err := member.Certify(dir, addresses, "server", "root", "alice", "gateway")
	if err != nil {
		return nil, err
	}
	url, err := member.FreeURL("https")
	if err != nil {
		return nil, err
	}
	cfg, err := member.Config(filepath.Join(dir, "etcd"), url)
	if err != nil {
		return nil, err
	}
	cfg.ClientTLSInfo = certificates.TLS("server")
	cfg.ClientTLSInfo.ClientCertAuth = true
	return &etcd{certificates: certificates, config: cfg}, nil
}

// settings are the settings of a user that reaches the store at an address.
func (e *etcd) settings(user, address, prefix string) string {
	return fmt.Sprintf("endpoints = [%q]\nprefix = %q\n", "https://"+address, prefix) + e.certificates.Settings(user)
}

// authorize enables authorization.
func (e *etcd) authorize() error {
	secure, err := e.certificates.TLS("root").ClientConfig()
	if err != nil {
		return err
	}
	e.root, err = clientv3.New(clientv3.Config{Endpoints: []string{e.config.ListenClientUrls[0].String()}, TLS: secure, Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(background, patience)
	defer cancel()
	var errs []error
	for _, user := range []string{"root", "alice", "gateway"} {
		_, err := e.root.UserAddWithOptions(ctx, user, "", &clientv3.UserAddOptions{NoPassword: true})
		errs = append(errs, err)
	}
	_, err = e.root.UserGrantRole(ctx, "root", "root")
	errs = append(errs, err)
	_, err = e.root.AuthEnable(ctx)
	return errors.Join(append(errs, err)...)
}

// permit permits alice and the gateways what docs/fleet.md says, below a prefix.
func (e *etcd) permit(prefix string) error {
	const read, readWrite = clientv3.PermissionType(clientv3.PermRead), clientv3.PermissionType(clientv3.PermReadWrite)
	var errs []error
	for _, grant := range []struct {
		user, keys string
		kind       clientv3.PermissionType
	}{
		{"alice", "", readWrite},
		{"gateway", "blob/", read}, {"gateway", "rev/", read}, {"gateway", "ring/", read},
		{"gateway", "gateway/", readWrite}, {"gateway", "status/", readWrite},
	} {
		role, start := grant.user+prefix, prefix+"/v1/"+grant.keys
		_, err := e.root.RoleAdd(background, role)
		if err == nil {
			_, err = e.root.UserGrantRole(background, grant.user, role)
		}
		if errors.Is(err, rpctypes.ErrRoleAlreadyExist) {
			err = nil
		}
		if err == nil {
			_, err = e.root.RoleGrantPermission(background, role, start, clientv3.GetPrefixRangeEnd(start), grant.kind)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (e *etcd) start() (err error) {
	e.server, err = member.Start(e.config)
	return err
}

func (e *etcd) stop() { e.server.Close() }

func (e *etcd) address() string { return e.config.ListenClientUrls[0].Host }

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
	if nodes, err = lab.New("fleet"); err != nil {
		return err
	}
	if server, err = newEtcd(dir); err != nil {
		return err
	}
	if err := server.start(); err != nil {
		return err
	}
	return server.authorize()
}

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

var background = context.Background()
