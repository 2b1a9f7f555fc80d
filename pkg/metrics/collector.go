// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ipsec-eroute/eroute/pkg/acquire"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// desc describes a metric by its name, its help text and its labels.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("eroute_"+name, help, labels, nil)
}

var (
	eroutes      = desc("eroutes", "Eroutes in the table.")
	eroutesLimit = desc("eroutes_limit", "Eroutes that the table may hold.")
	traps        = desc("traps", "Eroutes with %trap or %trapsubnet.")
	sas          = desc("sas", "Security Associations that eroutes name.")
	sasMissing   = desc("sas_missing", "Security Associations that eroutes name and that were not there when last looked for.")
	relayUp      = desc("relay_up", "Whether a relay takes what meets traps, 1 or 0.")
	holds        = desc("holds", "Flows of traps that wait for an answer.")
	answered     = desc("answered_flows", "Flows of traps that have an answer.")

	packets    = desc("packets_total", "Packets by what became of them.", "reason", "verdict")
	bytes      = desc("bytes_total", "Bytes of IP headers and payload by what became of them.", "reason", "verdict")
	topPackets = desc("top_packets_total", "Packets that met one of the busiest eroutes.", selectorLabels...)
	topBytes   = desc("top_bytes_total", "Bytes of IP headers and payload that met one of the busiest eroutes.", selectorLabels...)
	saPackets  = desc("sa_packets_total", "Packets that one of the busiest Security Associations has carried.", "said")
	saBytes    = desc("sa_bytes_total", "Bytes that one of the busiest Security Associations has carried, as XFRM counts them.", "said")

	queueUsed = desc("queue_used_bytes", "Bytes of packets that wait for the relay.")
	queueSize = desc("queue_size_bytes", "Bytes of packets that can wait for the relay.")
	mapMemory = desc("map_memory_bytes", "Kernel memory of the table's maps.", "map")
	xfrmError = desc("xfrm_errors_total", "Packets that XFRM dropped, by its own counters in /proc/net/xfrm_stat.", "error")

	relayEvents      = desc("relay_events_total", "What happened to flows since the relay began.", "event")
	relayPackets     = desc("relay_packets_total", "Packets that the relay sent on (release) or gave up (reap, lost) since it began.", "event")
	relayErrors      = desc("relay_errors_total", "Errors that the relay logged since it began.")
	relayKeptPackets = desc("relay_kept_packets", "Packets that the relay keeps.")
	relayMaxPackets  = desc("relay_max_packets", "Packets that the relay may keep.")
	relayKeptBytes   = desc("relay_kept_bytes", "Bytes of packets that the relay keeps.")
	relayMaxBytes    = desc("relay_max_bytes", "Bytes of packets that the relay may keep.")
)

var selectorLabels = []string{"src", "dst", "proto", "src_port", "dst_port", "said"}

// Collector is a [prometheus.Collector] of a table's figures.
type Collector struct {
	source Source
	walks  walks
	mu     sync.Mutex // one scrape at a time
}

// NewCollector returns a collector that opens its source for each scrape. What takes a
// walk through the whole table it looks for less often if the table is large.
func NewCollector(s Source) *Collector {
	return &Collector{source: s, walks: walks{walk: s.walk}}
}

// Describe sends what metrics there can be.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		eroutes, eroutesLimit, traps, sas, sasMissing, relayUp, holds, answered,
		packets, bytes, topPackets, topBytes, saPackets, saBytes,
		queueUsed, queueSize, mapMemory, xfrmError,
		relayEvents, relayPackets, relayErrors, relayKeptPackets, relayMaxPackets, relayKeptBytes, relayMaxBytes,
	} {
		ch <- d
	}
}

// Collect reads the source and sends its figures, or the error.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, err := c.source.read(c.walks.latest)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(eroutes, &sourceError{err})
		return
	}
	errors, err := c.source.xfrm()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(xfrmError, &sourceError{err})
		return
	}
	out := sender(ch)
	out.table(f)
	for name, n := range errors {
		out.count(xfrmError, n, name)
	}
	if c.source.Relay != nil {
		out.relay(c.source.Relay.Totals())
	}
}

// sourceError is an error of the source, as it was before it went through a registry.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// sender sends metrics.
type sender chan<- prometheus.Metric

func (s sender) gauge(d *prometheus.Desc, value int, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
}

func (s sender) count(d *prometheus.Desc, value uint64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

func (s sender) table(f figures) {
	s.gauge(eroutes, int(f.Eroutes))
	s.gauge(eroutesLimit, int(f.Limit))
	s.gauge(traps, f.traps)
	s.gauge(sas, f.SAs)
	s.gauge(sasMissing, f.SAsMissing)
	up := 0
	if f.Relay {
		up = 1
	}
	s.gauge(relayUp, up)
	s.gauge(holds, f.Holds)
	s.gauge(answered, f.Answered)
	for _, r := range f.Reasons {
		s.count(packets, r.Packets, r.Name, r.Verdict.String())
		s.count(bytes, r.Bytes, r.Name, r.Verdict.String())
	}
	for _, e := range f.busiest {
		labels := selectorValues(e)
		s.count(topPackets, e.Packets, labels...)
		s.count(topBytes, e.Bytes, labels...)
	}
	for _, sa := range f.sas {
		s.count(saPackets, sa.Packets, sa.SAID.String())
		s.count(saBytes, sa.Bytes, sa.SAID.String())
	}
	s.gauge(queueUsed, f.waiting)
	s.gauge(queueSize, f.queueSize)
	for name, n := range f.memory {
		s.gauge(mapMemory, int(n), name)
	}
}

// selectorValues are the values of selectorLabels; empty for what an eroute does not name.
func selectorValues(e eroute.Eroute) []string {
	text := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	s := e.Selector
	return []string{
		s.Src.String(), s.Dst.String(),
		text(int(s.Proto)), text(int(s.SrcPort)), text(int(s.DstPort)),
		e.SAID.String(),
	}
}

func (s sender) relay(t acquire.Totals) {
	for _, kind := range acquire.Kinds {
		s.count(relayEvents, t.Events[kind], string(kind))
	}
	for _, kind := range []acquire.Kind{acquire.KindRelease, acquire.KindReap, acquire.KindLost} {
		s.count(relayPackets, t.Packets[kind], string(kind))
	}
	s.count(relayErrors, t.Errors)
	s.gauge(relayKeptPackets, t.KeptPackets)
	s.gauge(relayMaxPackets, t.MaxPackets)
	s.gauge(relayKeptBytes, t.KeptBytes)
	s.gauge(relayMaxBytes, t.MaxBytes)
}
