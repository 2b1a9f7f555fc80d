// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// ErrContent is the error of a transfer whose content arrived changed.
var ErrContent = errors.New("content differs")

// Transfer is content to be sent over its own TCP connection.
type Transfer struct {
	// From connects and sends, To listens and receives.
	From, To *Node
	// Src may have the zero address or port 0, Dst port 0: the kernel chooses.
	Src, Dst netip.AddrPort
	// Bytes is the size of the content, which is random.
	Bytes int64
}

// arrival is what the receiver of a transfer received.
type arrival struct {
	bytes int64
	sum   uint32
	err   error
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Run transfers the content and returns the duration from connecting to the receiver's end of file.
//
// Returns [ErrContent] if the content differs, otherwise the errors of [Node.DialTCP] and of reads and
// writes.
func (t Transfer) Run(ctx context.Context) (time.Duration, error) {
	listener, err := t.To.ListenTCP(ctx, t.Dst)
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	arrived := make(chan arrival, 1)
	go func() { arrived <- receive(ctx, listener) }()

	start := time.Now()
	conn, err := t.From.DialTCP(ctx, t.Src, listener.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer endWith(ctx, conn)()
	sent := crc32.New(castagnoli)
	content := io.LimitReader(rand.NewChaCha8([32]byte{}), t.Bytes)
	if _, err := io.CopyBuffer(io.MultiWriter(conn, sent), content, make([]byte, 1<<18)); err != nil {
		return time.Since(start), fmt.Errorf("transfer from %s: %w", t.From.Name, err)
	}
	if err := conn.CloseWrite(); err != nil {
		return time.Since(start), fmt.Errorf("transfer from %s: %w", t.From.Name, err)
	}
	got := <-arrived
	took := time.Since(start)
	switch {
	case got.err != nil:
		return took, fmt.Errorf("transfer to %s: %w", t.To.Name, got.err)
	case got.bytes != t.Bytes || got.sum != sent.Sum32():
		return took, fmt.Errorf("transfer to %s: %d of %d bytes: %w", t.To.Name, got.bytes, t.Bytes, ErrContent)
	}
	return took, nil
}

func receive(ctx context.Context, listener net.Listener) arrival {
	conn, err := listener.Accept()
	if err != nil {
		return arrival{err: err}
	}
	defer conn.Close()
	defer endWith(ctx, conn)()
	sum := crc32.New(castagnoli)
	n, err := io.CopyBuffer(sum, io.MultiReader(conn), make([]byte, 1<<18))
	return arrival{n, sum.Sum32(), err}
}
