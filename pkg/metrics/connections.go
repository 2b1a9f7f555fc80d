// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
)

// maxConnections limits the file descriptors and memory (about 20 KB each) that clients can use.
const maxConnections = 64

// connections is a listener with at most maxConnections open connections. A further one closes the oldest that is
// not handling a request, so that a client that opens many cannot lock others out.
type connections struct {
	net.Listener
	mu   sync.Mutex
	open []*connection // oldest first
}

type connection struct {
	net.Conn
	owner    *connections
	answered bool // a request is being handled; protected by owner.mu
}

// Accept waits for the next connection.
func (l *connections) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: accepted, owner: l}
	if oldest := l.add(c); oldest != nil {
		_ = oldest.Close()
	}
	return c, nil
}

// add adds a connection and returns the one to close in exchange, nil if there is room.
func (l *connections) add(c *connection) *connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, c)
	if len(l.open) <= maxConnections {
		return nil
	}
	i := slices.IndexFunc(l.open, func(c *connection) bool { return !c.answered })
	if i < 0 {
		return c
	}
	return l.open[i]
}

// Close closes the connection and removes it from the list.
func (c *connection) Close() error {
	c.owner.mu.Lock()
	c.owner.open = slices.DeleteFunc(c.owner.open, func(other *connection) bool { return other == c })
	c.owner.mu.Unlock()
	return c.Conn.Close()
}

func (c *connection) setAnswered(answered bool) {
	c.owner.mu.Lock()
	c.answered = answered
	c.owner.mu.Unlock()
}

type connectionKey struct{}

// withConnection is an [http.Server]'s ConnContext: it passes the connection to handlers.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, c)
}

// answering protects connections while their requests are handled.
func answering(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
			c.setAnswered(true)
			defer c.setAnswered(false)
		}
		h.ServeHTTP(w, r)
	})
}
