// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"crypto/ed25519"
	"fmt"
	"time"
)

// Revision is the manifest of a published table. Its ID is the SHA-256 of its signed text.
type Revision struct {
	Table     string    `json:"table"`      // SHA-256 of the table
	TableSize int64     `json:"table_size"` // in bytes
	Eroutes   int       `json:"eroutes"`
	Blob      string    `json:"blob"`      // ID of the compressed table
	BlobSize  int64     `json:"blob_size"` // in bytes
	Pieces    int       `json:"pieces"`
	Parent    string    `json:"parent,omitempty"` // ID of the revision published before; "": none
	Author    string    `json:"author"`
	Time      time.Time `json:"time"`
	Checks    []string  `json:"checks"` // that the table has passed
}

// NewRevision returns the manifest of a blob.
func NewRevision(b *Blob) *Revision {
	return &Revision{Table: b.Table, TableSize: b.TableSize, Blob: b.ID, BlobSize: b.Size, Pieces: len(b.Pieces)}
}

// Sign returns the revision's ID and its value in the store.
func (r *Revision) Sign(key ed25519.PrivateKey) (id string, value []byte, err error) {
	value, payload, err := revisionContext.sign(r, key)
	return digest(payload), value, err
}

// OpenRevision verifies that a value is the revision with this ID, signed by one of the keys.
func OpenRevision(id string, value []byte, keys []ed25519.PublicKey) (*Revision, error) {
	r := &Revision{}
	payload, err := revisionContext.open(value, keys, r)
	if err != nil {
		return nil, fmt.Errorf("revision %s: %w", ShortID(id), err)
	}
	if got := digest(payload); got != id {
		return nil, fmt.Errorf("revision %s: the store returned another one, %s", ShortID(id), ShortID(got))
	}
	if !IsID(r.Blob) || !IsID(r.Table) || r.Pieces < 1 || r.TableSize < 0 {
		return nil, fmt.Errorf("revision %s: malformed: no blob", ShortID(id))
	}
	return r, nil
}
