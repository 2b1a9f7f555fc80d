// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"net"
	"os"
	"time"

	"github.com/ipsec-eroute/eroute/internal/files"
	"github.com/ipsec-eroute/eroute/pkg/acquire"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/doctor"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/metrics"
	"github.com/ipsec-eroute/eroute/pkg/migrate"
	"github.com/ipsec-eroute/eroute/pkg/monitor"
	"github.com/ipsec-eroute/eroute/pkg/revision"
	"github.com/ipsec-eroute/eroute/pkg/session"
	"github.com/ipsec-eroute/eroute/pkg/top"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// env is the environment of commands, which tests can replace.
type env struct {
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer
	openFile func(name string) (io.ReadCloser, error)
	saveFile func(name string, permissions fs.FileMode, write func(io.Writer) error) error
	settings string // file of --config at boot, whose settings apply to all commands
	resolver eroute.Resolver
	names    func() *eroute.Names
	version  string

	// These functions use the network namespace of the calling thread. Those for reading return loader.ErrNoTable
	// if it has no table; those for writing create one.
	openRead         func() (table, error)
	openWrite        func() (table, error)
	openWatch        func() (metrics.Table, error) // without holding its lock
	openDevicesRead  func() (devices, error)
	openDevicesWrite func() (devices, error)

	// checkInterfaces returns an error that names the first missing interface.
	checkInterfaces func(physical, ingress []string) error

	relay        relayFunc
	xfrmCounters func() (map[string]uint64, error) // see [xfrm.Counters]
	kernel       func() (explain.KernelView, error)
	monitor      monitorFunc
	now          func() time.Time
	environ      []string // NAME=VALUE
	diagnose     func() ([]doctor.Finding, error)
	policies     func() (migrate.Kernel, error)
	session      func(environ []string) *session.Session // see [session.Find]

	// For completion, best effort: nil on error.
	saids      func() []eroute.SAID
	interfaces func() []string
}

// table is the part of a [maps.Table] that commands use.
type table interface {
	Apply(ctx context.Context, changes *eroute.Changes) error
	Check(changes *eroute.Changes) (maps.Effect, error)
	Restore(ctx context.Context, eroutes iter.Seq2[eroute.Change, error], commit bool) (maps.Effect, error)
	RestoreAs(ctx context.Context, eroutes iter.Seq2[eroute.Change, error], r revision.Revision) (maps.Effect, error)
	All() iter.Seq2[eroute.Eroute, error]
	Written() iter.Seq2[eroute.Eroute, error]
	PoliciesToFollow() ([]xfrm.Policy, error)
	Lookup(p eroute.Packet) (eroute.Eroute, bool, error)
	IsOwnKeyExchange(p eroute.Packet, ifindex uint32) (bool, error)
	Matching(match func(eroute.Selector) bool) iter.Seq2[eroute.Eroute, error]
	top.Source
	PassesUnmatched() (bool, error)
	Member(p eroute.Packet, group eroute.SAID, cpu uint32) (eroute.SAID, error)
	SAReady(said eroute.SAID) (bool, error)
	SAUses() ([]maps.SAUse, error)
	RelayRuns() (bool, error)
	Stats() (maps.Stats, error)
	SetLimit(limit uint32) error
	SetAside(said eroute.SAID, aside bool) (alone int, err error)
	IsAside(said eroute.SAID) (bool, error)
	Sync(ctx context.Context) error
	Close() error
}

// devices is the part of package device that commands use, for the ipsec devices of a table.
type devices interface {
	Attach(ctx context.Context, c device.Config) (notes []string, err error)
	Detach(ctx context.Context, virtual string) error
	Upgrade() error
	Follow() ([]device.Difference, error)
	Differences(virtual string) ([]device.Difference, error)
	List() ([]device.Attachment, error)
	Close() error
}

// systemEnv returns the environment of the process.
func systemEnv() *env {
	return &env{
		stdin:            os.Stdin,
		stdout:           os.Stdout,
		stderr:           os.Stderr,
		openFile:         func(name string) (io.ReadCloser, error) { return os.Open(name) },
		saveFile:         files.Save,
		settings:         "/etc/eroute/eroute.toml",
		resolver:         net.DefaultResolver,
		names:            eroute.SystemNames,
		version:          buildVersion(),
		openRead:         func() (table, error) { return asTable(maps.OpenRead()) },
		openWrite:        func() (table, error) { return asTable(maps.OpenWrite()) },
		openWatch:        func() (metrics.Table, error) { return maps.OpenWatch() },
		openDevicesRead:  func() (devices, error) { return asDevices(maps.OpenRead()) },
		openDevicesWrite: func() (devices, error) { return asDevices(maps.OpenWrite()) },
		checkInterfaces:  device.CheckInterfaces,
		relay:            acquire.Run,
		xfrmCounters:     xfrm.Counters,
		kernel:           explain.OpenKernelView,
		monitor:          monitor.Run,
		now:              time.Now,
		environ:          os.Environ(),
		diagnose:         diagnose,
		policies:         policies,
		session:          session.Find,
		saids:            knownSAIDs,
		interfaces:       systemInterfaces,
	}
}
