// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/ipsec-eroute/eroute/internal/etcd"
)

// members is the number of members of etcd.
const members = 3

// hub is the address of the store in the network of the gateways.
const hub = "10.77.0.1"

func clientPort(member int) int { return 23790 + 10*member }
func peerPort(member int) int   { return clientPort(member) + 1 }

// group is the group that a member runs as, by which its packets are recognized.
func group(member int) uint32 { return uint32(1000 + member) }

func endpoint(member int) string { return fmt.Sprintf("https://%s:%d", hub, clientPort(member)) }

// memberConfig returns the settings of a member, from 1, with etcd's own times and a directory below the working
// directory, which has the certificates.
func memberConfig(member int) (*embed.Config, error) {
	client, err := url.Parse(endpoint(member))
	if err != nil {
		return nil, err
	}
	c, err := etcd.Config(dataDir(member), *client)
	if err != nil {
		return nil, err
	}
	etcd.Durable(c, dataDir(member))
	c.ClientTLSInfo = etcd.Certificates(".").TLS("server")
	c.ClientTLSInfo.ClientCertAuth = true
	var all []string
	for i := 1; i <= members; i++ {
		peer := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", peerPort(i))}
		all = append(all, dataDir(i)+"="+peer.String())
		if i == member {
			c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
		}
	}
	c.InitialCluster = strings.Join(all, ",")
	return c, nil
}

func dataDir(member int) string { return fmt.Sprint("m", member) }

// runMember runs a member until the process is killed.
func runMember(member int) error {
	c, err := memberConfig(member)
	if err != nil {
		return err
	}
	e, err := etcd.Start(c)
	if err != nil {
		return err
	}
	return <-e.Err()
}

// cluster is the members of etcd.
type cluster struct {
	dir    string
	cmds   [members + 1]*exec.Cmd // nil: not running
	client *clientv3.Client       // of root
}

func newCluster(dir string) (*cluster, error) {
	c := &cluster{dir: dir}
	for i := 1; i <= members; i++ {
		if err := c.start(i); err != nil {
			return nil, err
		}
	}
	secure, err := etcd.Certificates(dir).TLS("root").ClientConfig()
	if err != nil {
		return nil, err
	}
	c.client, err = clientv3.New(clientv3.Config{Endpoints: endpoints(), TLS: secure, Logger: zap.NewNop()})
	return c, err
}

func endpoints() (all []string) {
	for i := 1; i <= members; i++ {
		all = append(all, endpoint(i))
	}
	return all
}

// start starts a member, as an argument of a command if one is given.
func (c *cluster) start(member int, under ...string) error {
	args := append(under, "/proc/self/exe", fmt.Sprint("-member=", member))
	if len(under) > 0 {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		args[len(under)] = self
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stderr = c.dir, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: &syscall.Credential{Gid: group(member)}}
	c.cmds[member] = cmd
	return cmd.Start()
}

// signal sends a signal to a member and the command it runs under.
func (c *cluster) signal(member int, s syscall.Signal) error {
	return syscall.Kill(-c.cmds[member].Process.Pid, s)
}

// kill kills a member.
func (c *cluster) kill(member int) error {
	err := c.signal(member, syscall.SIGKILL)
	_ = c.cmds[member].Wait()
	c.cmds[member] = nil
	return err
}

// killAll kills all members.
func (c *cluster) killAll() error {
	var errs []error
	for i := 1; i <= members; i++ {
		errs = append(errs, c.kill(i))
	}
	return errors.Join(errs...)
}

// startAll starts all members, and waits until they answer.
func (c *cluster) startAll(ctx context.Context, under ...string) error {
	for i := 1; i <= members; i++ {
		if err := c.start(i, under...); err != nil {
			return err
		}
	}
	return c.await(ctx)
}

// await waits until the cluster answers.
func (c *cluster) await(ctx context.Context) error {
	return eventually(ctx, "the store answers", func() (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := c.client.Get(ctx, "/")
		return err == nil, nil
	})
}

// leader returns the member that is the leader.
func (c *cluster) leader(ctx context.Context) (leader int, err error) {
	err = eventually(ctx, "the store has a leader", func() (bool, error) {
		for i := 1; i <= members; i++ {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			s, err := c.client.Status(ctx, endpoint(i))
			cancel()
			if err == nil && s.Leader != 0 && s.Leader == s.Header.MemberId {
				leader = i
				return true, nil
			}
		}
		return false, nil
	})
	return leader, err
}

// copyData copies the members' directories between two directories.
func copyData(from, to string) error {
	for i := 1; i <= members; i++ {
		target := filepath.Join(to, dataDir(i))
		if err := errors.Join(os.RemoveAll(target), os.CopyFS(target, os.DirFS(filepath.Join(from, dataDir(i))))); err != nil {
			return err
		}
	}
	return nil
}

// compact removes all versions of the store but the present one.
func (c *cluster) compact(ctx context.Context) error {
	now, err := c.client.Get(ctx, "/")
	if err == nil {
		_, err = c.client.Compact(ctx, now.Header.Revision)
	}
	return err
}
