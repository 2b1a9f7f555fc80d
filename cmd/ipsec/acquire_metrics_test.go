// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/acquire"
)

// The server of acquire --metrics reads no table before the relay has dropped its privileges: a scrape that comes
// earlier waits.
func TestMetricsWaitForRelay(t *testing.T) {
	var log bytes.Buffer
	e, m := testEnv(nil, io.Discard, &log), newMemory()
	m.openers(e)
	e.relay = func(_ context.Context, c acquire.Config) error {
		address := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(log.String())
		if address == nil {
			return errors.New("no address logged")
		}
		server, err := net.Dial("tcp", address[1])
		if err != nil {
			return err
		}
		defer func() { _ = server.Close() }()
		if _, err := io.WriteString(server, "GET /metrics HTTP/1.0\r\n\r\n"); err != nil {
			return err
		}
		if err := server.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			return err
		}
		answer := bufio.NewReader(server)
		if _, err := answer.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("before the relay has dropped its privileges: %v, want no answer", err)
		}
		c.Confined()
		if err := server.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			return err
		}
		r, err := http.ReadResponse(answer, nil)
		if err != nil {
			return err
		}
		if r.StatusCode != http.StatusOK {
			t.Error(r.Status)
		}
		return r.Body.Close()
	}
	if status := run(context.Background(), e, []string{"acquire", "--metrics", "127.0.0.1:0"}); status != 0 {
		t.Errorf("status %d: %s", status, &log)
	}

	e.relay = func(context.Context, acquire.Config) error { return nil } // it ends before
	if status := run(context.Background(), e, []string{"acquire", "--metrics", "127.0.0.1:0"}); status != 0 {
		t.Errorf("status %d: %s", status, &log)
	}
}
