// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
)

var (
	storeContact = prometheus.NewDesc("eroute_fleet_store_contact_timestamp_seconds",
		"When the store answered last; 0: never since the agent started.", nil, nil)
	stateInfo = prometheus.NewDesc("eroute_fleet_state",
		"1 for the state of the gateway: what became of the assignment of its ring.", []string{"ring", "state"}, nil)
	revisionInfo = prometheus.NewDesc("eroute_fleet_confirmed_revision_info",
		"1 for the revision that ran last with good health.", []string{"ring", "revision"}, nil)
)

var states = []fleet.State{fleet.Unassigned, fleet.Applying, fleet.Confirmed, fleet.Refused, fleet.RolledBack}

// Describe implements [prometheus.Collector].
func (a *Agent) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(a, out) }

// Collect implements [prometheus.Collector].
func (a *Agent) Collect(out chan<- prometheus.Metric) {
	status, contact := a.Status()
	seconds := 0.0
	if !contact.IsZero() {
		seconds = float64(contact.UnixMilli()) / 1e3
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(storeContact, seconds)
	for _, s := range states {
		v := 0.0
		if s == status.State {
			v = 1
		}
		gauge(stateInfo, v, a.Gateway.Ring, string(s))
	}
	if status.Confirmed != "" {
		gauge(revisionInfo, 1, a.Gateway.Ring, status.Confirmed)
	}
}

// Limits of the server of metrics, which has no authentication.
const (
	requestTimeout = 5 * time.Second
	maxScrapes     = 4
)

// ServeMetrics serves GET /metrics until the context ends. It closes the listener.
func (a *Agent) ServeMetrics(ctx context.Context, l net.Listener) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(a)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: requestTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
