// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// TestManyConnections checks that a client cannot exceed the connection limit or lock others out.
func TestManyConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, example(t).source())
	var flood []net.Conn
	connect := func(n int) {
		for i := range n {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			if i%2 == 0 { // an incomplete request
				_, _ = c.Write([]byte("GET /metrics HTTP/1.1\r\nHost:"))
			}
			flood = append(flood, c)
		}
	}
	scrape := func(client *http.Client) {
		answer, err := client.Get("http://" + l.Addr().String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("status %d, %v", answer.StatusCode, err)
		}
	}
	client := &http.Client{Timeout: requestTimeout / 2} // less than the server's timeout
	for range 4 {
		connect(maxConnections)
		scrape(client)
	}
	open := 0
	for _, c := range flood {
		if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			open++
		}
	}
	if open == 0 || open >= maxConnections {
		t.Errorf("%d of %d connections are open, want 1 to %d", open, len(flood), maxConnections-1)
	}
}
