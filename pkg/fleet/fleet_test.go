// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// newKey returns a key and its public key, pinned.
func newKey(t *testing.T) (ed25519.PrivateKey, []ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return private, []ed25519.PublicKey{public}
}

// packed returns a blob of several pieces, which do not compress, and its table.
func packed(t *testing.T) (*Blob, []byte) {
	t.Helper()
	table := make([]byte, 2*PieceSize+1000)
	rand.NewChaCha8([32]byte{1}).Read(table)
	b, err := Pack(table)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Pieces) != 3 {
		t.Fatalf("%d pieces", len(b.Pieces))
	}
	return b, table
}

// A table survives packing, also an empty one; only exactly its pieces unpack.
func TestUnpack(t *testing.T) {
	empty, err := Pack(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := NewRevision(empty).Unpack(&bytes.Buffer{}, empty.Pieces); err != nil {
		t.Error(err)
	}

	b, table := packed(t)
	r := NewRevision(b)
	var out bytes.Buffer
	if err := r.Unpack(&out, b.Pieces); err != nil || !bytes.Equal(out.Bytes(), table) {
		t.Fatalf("%v, %d bytes of %d", err, out.Len(), len(table))
	}

	flipped := slices.Clone(b.Pieces)
	flipped[1] = slices.Clone(flipped[1])
	flipped[1][5] ^= 1
	other, err := Pack([]byte("--add --src 0.0.0.0/0 --dst 0.0.0.0/0 --said %pass\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, pieces := range map[string][][]byte{
		"none":      nil,
		"truncated": {b.Pieces[0], b.Pieces[1], b.Pieces[2][:10]},
		"missing":   b.Pieces[:2],
		"swapped":   {b.Pieces[1], b.Pieces[0], b.Pieces[2]},
		"one more":  append(slices.Clone(b.Pieces), []byte{0}),
		"flipped":   flipped,
		"another":   other.Pieces,
	} {
		out.Reset()
		if err := r.Unpack(&out, pieces); !errors.Is(err, ErrBlob) || out.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", name, err, out.Len())
		}
	}
}

// A blob that decompresses to something else than the signed table, or to more, is refused and bounded.
func TestUnpackOtherTable(t *testing.T) {
	big, err := Pack(bytes.Repeat([]byte("#\n"), 10<<20))
	if err != nil {
		t.Fatal(err)
	}
	r := NewRevision(big)
	r.TableSize = 10
	var out bytes.Buffer
	if err := r.Unpack(&out, big.Pieces); !errors.Is(err, ErrBlob) || out.Len() > 11 {
		t.Errorf("%v, %d bytes", err, out.Len())
	}
	r = NewRevision(big)
	r.Table = strings.Repeat("0", idLength)
	if err := r.Unpack(&out, big.Pieces); !errors.Is(err, ErrBlob) {
		t.Error(err)
	}
}

// A revision opens only under its ID, with the key that signed it, unchanged, and not as an assignment.
func TestOpenRevision(t *testing.T) {
	key, keys := newKey(t)
	_, others := newKey(t)
	b, _ := packed(t)
	r := NewRevision(b)
	r.Author, r.Time = "alice", time.Unix(1, 0).UTC()
	id, value, err := r.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenRevision(id, value, slices.Concat(others, keys))
	if err != nil || got.Blob != b.ID || got.Author != "alice" || !got.Time.Equal(r.Time) {
		t.Fatalf("%+v, %v", got, err)
	}

	r.Author = "bob"
	otherID, otherValue, err := r.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	var s signed
	if err := json.Unmarshal(value, &s); err != nil {
		t.Fatal(err)
	}
	s.Payload = bytes.Replace(s.Payload, []byte("alice"), []byte("mallo"), 1)
	changed, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		id    string
		value []byte
		keys  []ed25519.PublicKey
		want  error
	}{
		"another key":      {id, value, others, ErrSignature},
		"no key":           {id, value, nil, ErrSignature},
		"changed":          {digest(s.Payload), changed, keys, ErrSignature},
		"another revision": {id, otherValue, keys, nil},
		"another ID":       {otherID, value, keys, nil},
		"empty":            {id, nil, keys, nil},
		"truncated":        {id, value[:len(value)/2], keys, nil},
		"appended":         {id, append(slices.Clone(value), value...), keys, nil},
	} {
		if _, err := OpenRevision(c.id, c.value, c.keys); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenAssignment("canary", value, keys); !errors.Is(err, ErrSignature) {
		t.Errorf("as an assignment: %v", err)
	}
}

// An assignment is for one ring.
func TestOpenAssignment(t *testing.T) {
	key, keys := newKey(t)
	a := Assignment{Ring: "canary", Serial: 3, Revision: strings.Repeat("a", idLength), Author: "alice"}
	value, err := a.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenAssignment("canary", value, keys); err != nil || *got != a {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := OpenAssignment("all", value, keys); err == nil {
		t.Error("accepted for another ring")
	}
	for _, bad := range []Assignment{{Ring: "canary", Serial: 3}, {Ring: "canary", Revision: a.Revision}, {Ring: "canary", Serial: 3, Revision: "../x"}} {
		value, err := bad.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenAssignment("canary", value, keys); err == nil {
			t.Errorf("accepted %+v", bad)
		}
	}
}

// A signed document with a field that this version does not recognize is refused.
func TestUnknownField(t *testing.T) {
	key, keys := newKey(t)
	value, _, err := assignmentContext.sign(map[string]any{"ring": "canary", "serial": 1, "revision": strings.Repeat("a", idLength), "not_before": 5}, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAssignment("canary", value, keys); err == nil || !strings.Contains(err.Error(), "not_before") {
		t.Error(err)
	}
}

func TestCheckName(t *testing.T) {
	for name, valid := range map[string]bool{
		"canary": true, "10": true, "gw-1.example_a": true, "": false, "a/b": false, "../a": false, ".a": false, "a b": false,
		strings.Repeat("a", 63): true, strings.Repeat("a", 64): false,
	} {
		if err := CheckName("ring", name); (err == nil) != valid {
			t.Errorf("%q: %v", name, err)
		}
	}
}
