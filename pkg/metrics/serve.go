// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// Limits of the server, which has no authentication.
const (
	requestTimeout  = 5 * time.Second // to send a request
	answerTimeout   = 30 * time.Second
	idleTimeout     = 5 * time.Minute // between two scrapes
	maxHeaderBytes  = 16 << 10
	maxScrapes      = 4 // at a time
	shutdownTimeout = time.Second
)

// Serve serves GET /metrics only, until the context ends. It closes the listener.
func Serve(ctx context.Context, l net.Listener, s Source, log *slog.Logger) error {
	errorLog := slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registryOf(s), promhttp.HandlerOpts{
		ErrorLog:            errorLog,
		MaxRequestsInFlight: maxScrapes,
	}))
	server := &http.Server{
		Handler:           answering(mux),
		ConnContext:       withConnection,
		ErrorLog:          errorLog,
		ReadHeaderTimeout: requestTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
	stop := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	})
	defer stop()
	if err := server.Serve(&connections{Listener: l}); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}

// Write writes a source's metrics in Prometheus's text format.
func Write(w io.Writer, s Source) error {
	families, err := registryOf(s).Gather()
	if wrong, ok := errors.AsType[*sourceError](err); ok {
		return wrong.err
	}
	if err != nil {
		return err
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return err
		}
	}
	return nil
}

func registryOf(s Source) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(NewCollector(s))
	return r
}
