// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// PieceSize is the length of all pieces of a blob except the last: with its key, a piece is under 1 MiB, and under the
// 1.5 MiB that etcd accepts in a request.
const PieceSize = 960 << 10

// maxWindow limits the memory that a blob can require to be decompressed.
const maxWindow = 8 << 20

// Blob is a compressed table.
type Blob struct {
	ID     string // SHA-256 of all pieces
	Pieces [][]byte
	Size   int64 // of all pieces, in bytes

	Table     string // SHA-256 of the table
	TableSize int64  // in bytes
}

// Pack compresses a table.
func Pack(table []byte) (*Blob, error) {
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithWindowSize(maxWindow), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(table); err != nil {
		return nil, errors.Join(err, z.Close())
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return &Blob{
		ID: digest(packed.Bytes()), Size: int64(packed.Len()), Pieces: slices.Collect(slices.Chunk(packed.Bytes(), PieceSize)),
		Table: digest(table), TableSize: int64(len(table)),
	}, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// ErrBlob means that the pieces of a blob are not those that the revision names.
var ErrBlob = errors.New("not the table that the revision names")

// Unpack writes the table of a revision to w. It decompresses nothing before all pieces are verified. After an error
// w must not be used.
func (r *Revision) Unpack(w io.Writer, pieces [][]byte) error {
	h := sha256.New()
	var size int64
	readers := make([]io.Reader, len(pieces))
	for i, p := range pieces {
		h.Write(p)
		size += int64(len(p))
		readers[i] = bytes.NewReader(p)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != r.Blob {
		return fmt.Errorf("%w: %d bytes in %d pieces have digest %s, want %d bytes in %d pieces and %s",
			ErrBlob, size, len(pieces), ShortID(got), r.BlobSize, r.Pieces, ShortID(r.Blob))
	}
	z, err := zstd.NewReader(io.MultiReader(readers...), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer z.Close()
	h.Reset()
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(z, r.TableSize+1))
	if err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); n != r.TableSize || got != r.Table {
		return fmt.Errorf("%w: its decompressed table has digest %s, want %d bytes and %s", ErrBlob, ShortID(got), r.TableSize, ShortID(r.Table))
	}
	return nil
}
