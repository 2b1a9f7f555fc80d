// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.etcd.io/etcd/server/v3/embed"
	"golang.org/x/sync/errgroup"

	"github.com/ipsec-eroute/eroute/internal/etcd"
)

// runStore runs a cluster in this process, below the working directory, prints its endpoints on one line, and ends with
// its standard input.
func runStore(_ context.Context, members int) error {
	configs, endpoints, err := configure(members)
	if err != nil {
		return err
	}
	var group errgroup.Group
	for _, c := range configs {
		group.Go(func() error {
			_, err := etcd.Start(c)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Println(strings.Join(endpoints, ","))
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// configure returns the settings of members that form a cluster, with directories below the working directory and with
// etcd's own times, and the URLs for clients.
func configure(members int) (configs []*embed.Config, endpoints []string, err error) {
	peers := make([]string, members)
	for i := range members {
		client, err := etcd.FreeURL("http")
		if err != nil {
			return nil, nil, err
		}
		name := fmt.Sprintf("m%d", i+1)
		c, err := etcd.Config(name, client)
		if err != nil {
			return nil, nil, err
		}
		etcd.Durable(c, name)
		peers[i] = name + "=" + c.ListenPeerUrls[0].String()
		configs, endpoints = append(configs, c), append(endpoints, client.String())
	}
	for _, c := range configs {
		c.InitialCluster = strings.Join(peers, ",")
	}
	return configs, endpoints, nil
}

// cluster is the process of runStore.
type cluster struct {
	cmd       *exec.Cmd
	stdin     io.Closer
	endpoints []string
}

// startCluster starts the store with its data in a directory.
func startCluster(ctx context.Context, dir string, members int) (*cluster, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &cluster{cmd: exec.CommandContext(ctx, self, "-store", fmt.Sprintf("-members=%d", members))}
	c.cmd.Dir, c.cmd.Stderr = dir, os.Stderr
	stdin, inErr := c.cmd.StdinPipe()
	stdout, outErr := c.cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, c.cmd.Start()); err != nil {
		return nil, err
	}
	c.stdin = stdin
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the store has not started: %w", err), c.stop())
	}
	c.endpoints = strings.Split(strings.TrimSpace(line), ",")
	return c, nil
}

func (c *cluster) stop() error { return errors.Join(c.stdin.Close(), c.cmd.Wait()) }

// load is what the clients of all members have caused since they started.
type load struct{ requests, received, sent float64 }

func (l load) minus(before load) load {
	return load{l.requests - before.requests, l.received - before.received, l.sent - before.sent}
}

// load reads the metrics. Members of one process have the same ones.
func (c *cluster) load(ctx context.Context) (l load, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.endpoints[0]+"/metrics", nil)
	if err != nil {
		return l, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return l, err
	}
	defer func() { _ = answer.Body.Close() }()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		return l, err
	}
	for name, sum := range map[string]*float64{
		"grpc_server_started_total": &l.requests, "etcd_network_client_grpc_received_bytes_total": &l.received, "etcd_network_client_grpc_sent_bytes_total": &l.sent,
	} {
		if families[name] == nil {
			return l, fmt.Errorf("etcd has no metric %s", name)
		}
		for _, m := range families[name].Metric {
			*sum += m.Counter.GetValue()
		}
	}
	return l, nil
}
