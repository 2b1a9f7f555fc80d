// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// samples are the values of metrics, by "name{label="value",...}" with the labels sorted.
type samples map[string]float64

func parseSamples(t *testing.T, text io.Reader) samples {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		t.Fatal(err)
	}
	all := samples{}
	for name, family := range families {
		for _, m := range family.Metric {
			labels := model.Metric{model.MetricNameLabel: model.LabelValue(name)}
			for _, l := range m.Label {
				labels[model.LabelName(l.GetName())] = model.LabelValue(l.GetValue())
			}
			all[labels.String()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return all
}

// want checks a sample.
func (s samples) want(t *testing.T, sample string, value float64) {
	t.Helper()
	if got, ok := s[sample]; !ok || got != value {
		t.Errorf("%s is %v, %v, want %v", sample, got, ok, value)
	}
}

// scrape gets the metrics of a relay on East.
func (g *gateway) scrape(t *testing.T, address string) samples {
	t.Helper()
	dial := func(ctx context.Context, network, address string) (c net.Conn, err error) {
		return c, g.East.Do(func() error {
			c, err = (&net.Dialer{}).DialContext(ctx, network, address)
			return err
		})
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(within(t, patience), http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	var answer *http.Response
	eventually(t, func() bool { // the relay may just have been started
		answer, err = client.Do(r)
		return !errors.Is(err, syscall.ECONNREFUSED)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	return parseSamples(t, answer.Body)
}

// scrapeUntil scrapes until a sample has a value: the scan of the table, which finds the busiest eroutes, is
// not made for each scrape, and rarely if it takes long.
func (g *gateway) scrapeUntil(t *testing.T, address, sample string, value float64) samples {
	t.Helper()
	for ctx := within(t, 3*time.Minute); ; time.Sleep(50 * time.Millisecond) {
		got := g.scrape(t, address)
		if v, ok := got[sample]; ok && v == value {
			return got
		}
		if ctx.Err() != nil {
			t.Fatalf("%s stays %v, want %v", sample, got[sample], value)
		}
	}
}

// The metrics scraped from a relay, over either family, agree with the commands' output about the same
// packets.
func TestMetrics(t *testing.T) {
	g := newGateway(t, "xdp")
	path := testenv.Ipsec(t)
	f := g.families()
	g.only(t, append(all(eroute.Drop),
		from(f[0].eastNet, f[0].westNet, eroute.Pass),
		from(lab.Only(f[0].eastHost), f[0].westNet, eroute.Trap))...)
	flow := from(lab.Only(f[0].eastHost), lab.Only(f[0].westHost), eroute.Pass)
	top := func(dst netip.Prefix, said string) string {
		return fmt.Sprintf(`eroute_top_packets_total{dst="%s", dst_port="", proto="", said=%q, src="%s", src_port=""}`,
			dst, said, flow.Selector.Src)
	}
	for round, address := range []string{"127.0.0.1:9790", "[::1]:9790"} {
		t.Run(address, func(t *testing.T) {
			r := g.startRelay(t, "--metrics", address, "--hold-lifetime", "600")
			before := g.scrape(t, address)
			before.want(t, "eroute_relay_up", 1)
			before.want(t, `eroute_relay_events_total{event="acquire"}`, 0)

			ping := lab.Ping{Src: f[0].eastLAN, Dst: f[0].westHost, Count: 8}
			if got, err := g.East.Ping(t.Context(), ping); err != nil || got.Received != 8 {
				t.Fatalf("ping: %+v, %v", got, err)
			}
			counted := g.counts(t)
			if _, err := g.EastHost.Ping(t.Context(), lab.Ping{Dst: f[1].westHost, Count: 3, Wait: 50 * time.Millisecond}); err != nil {
				t.Fatal(err)
			}
			g.counted(t, counted, reason("drop", 3))
			g.sendText(t, f[0], 4711, "into the trap")
			r.waitFor(t, "acquire", 1)

			got := g.scrapeUntil(t, address, top(f[0].westNet, "%trap"), float64(round+1))
			for reason, n := range map[string]float64{
				`reason="pass", verdict="sent"`: 8, `reason="drop", verdict="dropped"`: 3, `reason="trap", verdict="kept"`: 1,
			} {
				name := "eroute_packets_total{" + reason + "}"
				got.want(t, name, before[name]+n)
			}
			got.want(t, "eroute_holds", 1)
			got.want(t, "eroute_traps", 1)
			got.want(t, `eroute_relay_events_total{event="acquire"}`, 1)
			got.want(t, `eroute_relay_events_total{event="hold"}`, 1)
			got.want(t, "eroute_relay_held_packets", 1)
			got.want(t, "eroute_relay_held_bytes", float64(20+8+len("into the trap")))
			got.want(t, "eroute_relay_max_packets", 65536)
			g.agrees(t, path, got)

			if err := g.apply(flow); err != nil {
				t.Fatal(err)
			}
			r.waitFor(t, "release", 1)
			got = g.scrapeUntil(t, address, top(flow.Selector.Dst, "%pass"), 1)
			got.want(t, `eroute_relay_events_total{event="release"}`, 1)
			got.want(t, `eroute_relay_packets_total{event="release"}`, 1)
			got.want(t, "eroute_relay_held_packets", 0)
			g.agrees(t, path, got)
			if err := g.apply(eroute.Change{Op: eroute.OpDel, Selector: flow.Selector}); err != nil {
				t.Fatal(err)
			}
			r.stop(t, syscall.SIGTERM)
		})
	}
}

// agrees compares samples with the commands' output about the same table.
func (g *gateway) agrees(t *testing.T, path string, got samples) {
	t.Helper()
	var stats struct {
		Stats struct {
			Eroutes, Limit, SAs, Holds, Resolved float64
			SAsMissing                           float64 `json:"sas_missing"`
			Reasons                              []struct {
				Name, Verdict  string
				Packets, Bytes float64
			}
			XFRM map[string]float64
		}
	}
	var listed struct {
		Eroutes []struct {
			Src, Dst, SAID string
			Packets, Bytes float64
		}
	}
	for args, into := range map[string]any{"eroute --stats --json": &stats, "eroute --json": &listed} {
		stdout, stderr, err := g.command(t, path, args)
		if err != nil {
			t.Fatalf("%s: %v", stderr, err)
		}
		if err := json.Unmarshal([]byte(stdout), into); err != nil {
			t.Fatal(err)
		}
	}
	s := stats.Stats
	for name, value := range map[string]float64{
		"eroutes": s.Eroutes, "eroutes_limit": s.Limit, "sas": s.SAs, "sas_missing": s.SAsMissing,
		"holds": s.Holds, "resolved_flows": s.Resolved,
	} {
		got.want(t, "eroute_"+name, value)
	}
	for _, r := range s.Reasons {
		labels := fmt.Sprintf(`{reason=%q, verdict=%q}`, r.Name, r.Verdict)
		got.want(t, "eroute_packets_total"+labels, r.Packets)
		got.want(t, "eroute_bytes_total"+labels, r.Bytes)
	}
	for name, packets := range s.XFRM {
		got.want(t, fmt.Sprintf("eroute_xfrm_errors_total{error=%q}", name), packets)
	}
	met := 0
	for _, e := range listed.Eroutes {
		labels := fmt.Sprintf(`{dst=%q, dst_port="", proto="", said=%q, src=%q, src_port=""}`, e.Dst, e.SAID, e.Src)
		if e.Packets > 0 {
			met++
			got.want(t, "eroute_top_packets_total"+labels, e.Packets)
			got.want(t, "eroute_top_bytes_total"+labels, e.Bytes)
		}
	}
	for sample := range got {
		if strings.HasPrefix(sample, "eroute_top_packets_total{") {
			met--
		}
	}
	if met != 0 {
		t.Errorf("%d eroutes more were met than have a metric", met)
	}
}

// The table's metrics need no relay: the size of the queue shows that a relay is stuck.
func TestMetricsWithoutRelay(t *testing.T) {
	g := newGateway(t, "egress")
	path := testenv.Ipsec(t)
	f := g.families()[0]
	g.only(t, from(f.eastNet, f.westNet, eroute.Trap))
	metrics := func() samples {
		t.Helper()
		stdout, stderr, err := g.command(t, path, "eroute --metrics -")
		if err != nil {
			t.Fatalf("%s: %v", stderr, err)
		}
		return parseSamples(t, strings.NewReader(stdout))
	}
	got := metrics()
	got.want(t, "eroute_relay_up", 0)
	got.want(t, "eroute_traps", 1)
	got.want(t, "eroute_queue_used_bytes", 0)
	g.agrees(t, path, got)

	r := g.startRelay(t)
	g.pause(t, r)
	before := g.counts(t)
	g.sendText(t, f, 4711, "into the trap")
	g.counted(t, before, reason("trap", 1))
	got = metrics()
	got.want(t, "eroute_holds", 1)
	if got["eroute_queue_used_bytes"] < 256 {
		t.Errorf("%v bytes wait for a relay that takes nothing", got["eroute_queue_used_bytes"])
	}
	g.agrees(t, path, got)
	proceed(t, r)
	r.waitFor(t, "acquire", 1)
	if !eventually(t, func() bool { return metrics()["eroute_queue_used_bytes"] == 0 }) {
		t.Error("the relay leaves packets in the queue")
	}
}

// An address that is not available is one error, and no relay runs.
func TestMetricsAddressTaken(t *testing.T) {
	g := newGateway(t, "egress")
	path := testenv.Ipsec(t)
	g.startRelay(t, "--metrics", "127.0.0.1:9790")
	for address, want := range map[string]string{
		"127.0.0.1:9790":      "address already in use",
		"203.0.113.200:9790":  "cannot assign requested address",
		"[2001:db8:99::1]:80": "cannot assign requested address",
	} {
		stdout, stderr, err := g.command(t, path, "acquire --metrics "+address)
		if text := fmt.Sprintf("ipsec acquire: --metrics value %q: %s\n", address, want); err == nil || stdout != "" || stderr != text {
			t.Errorf("%s: %q, %q, %v", address, stdout, stderr, err)
		}
	}
}
