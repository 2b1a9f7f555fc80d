// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serve serves a source until the test ends.
func serve(t *testing.T, l net.Listener, s Source) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- Serve(ctx, l, s, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestServe checks that only GET /metrics is answered, over IPv4 and IPv6, and that an error of the source is
// status 500.
func TestServe(t *testing.T) {
	broken := Source{Open: func() (Table, error) { return nil, errors.New("broken") }, XFRM: noXFRM}
	for _, test := range []struct {
		address, method, path string
		source                Source
		status                int
		contains              string
	}{
		{"127.0.0.1:0", http.MethodGet, "/metrics", example(t).source(), 200, "\neroute_eroutes 17\n"},
		{"[::1]:0", http.MethodGet, "/metrics", example(t).source(), 200, "\neroute_eroutes 17\n"},
		{"[::1]:0", http.MethodPost, "/metrics", example(t).source(), 405, ""},
		{"[::1]:0", http.MethodGet, "/", example(t).source(), 404, ""},
		{"[::1]:0", http.MethodGet, "/debug/pprof/", example(t).source(), 404, ""},
		{"[::1]:0", http.MethodGet, "/metrics/", example(t).source(), 404, ""},
		{"[::1]:0", http.MethodGet, "/metrics", broken, 500, "broken"},
	} {
		l, err := net.Listen("tcp", test.address)
		if err != nil {
			t.Fatal(err)
		}
		serve(t, l, test.source)
		r, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+l.Addr().String()+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != test.status || !strings.Contains(string(body), test.contains) {
			t.Errorf("%s %s on %s: status %d, %q, %v", test.method, test.path, test.address, answer.StatusCode, body, err)
		}
	}
}

// pipes is a listener for connections in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error { close(p); return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestServeTimeouts checks that slow and idle clients are disconnected.
func TestServeTimeouts(t *testing.T) {
	for name, test := range map[string]struct {
		sends string
		after time.Duration
	}{
		"nothing":        {"", requestTimeout},
		"half a request": {"GET /metrics HTTP/1.1\r\nHost:", requestTimeout},
		"one request":    {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", idleTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				listener := make(pipes)
				serve(t, listener, example(t).source())
				client, server := net.Pipe()
				began := time.Now()
				listener <- server
				if _, err := io.WriteString(client, test.sends); err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, bufio.NewReader(client)); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != test.after {
					t.Errorf("closed after %v, want %v", took, test.after)
				}
			})
		})
	}
}
