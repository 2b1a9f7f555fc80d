// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// signed is a value of the store: a JSON document and its signature.
type signed struct {
	Payload   []byte `json:"payload"`
	Signature []byte `json:"signature"`
}

// context is what a signature is for. A signature for one context is not valid in another (Ed25519ctx, RFC 8032).
type context string

const (
	revisionContext   context = "ipsec-fleet revision v1"
	assignmentContext context = "ipsec-fleet assignment v1"
)

// ErrSignature means that none of the pinned keys has signed a value.
var ErrSignature = errors.New("not signed by a pinned key")

// sign returns the value of the store for v.
func (c context) sign(v any, key ed25519.PrivateKey) (value, payload []byte, err error) {
	if payload, err = json.Marshal(v); err != nil {
		return nil, nil, err
	}
	signature, err := key.Sign(nil, payload, &ed25519.Options{Hash: crypto.Hash(0), Context: string(c)})
	if err != nil {
		return nil, nil, err
	}
	value, err = json.Marshal(signed{payload, signature})
	return value, payload, err
}

// open verifies a value of the store and decodes it into v. It refuses fields that it does not recognize: a newer
// version may have given them a meaning.
func (c context) open(value []byte, keys []ed25519.PublicKey, v any) (payload []byte, err error) {
	var s signed
	if err := decode(value, &s); err != nil {
		return nil, err
	}
	for _, key := range keys {
		if ed25519.VerifyWithOptions(key, s.Payload, s.Signature, &ed25519.Options{Context: string(c)}) == nil {
			return s.Payload, decode(s.Payload, v)
		}
	}
	return nil, ErrSignature
}

// decode decodes one JSON document.
func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("malformed: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("malformed: data after the end")
	}
	return nil
}
