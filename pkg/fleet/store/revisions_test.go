// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// answers returns the same keys for each request.
type answers struct {
	clientv3.KV
	keys []string
}

func (a answers) Get(context.Context, string, ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	got := &clientv3.GetResponse{}
	for _, key := range a.keys {
		got.Kvs = append(got.Kvs, &mvccpb.KeyValue{Key: []byte(key)})
	}
	return got, nil
}

// The beginning of an ID names only a revision whose ID begins with it, whatever the store returns.
func TestFindRevision(t *testing.T) {
	const root = "/eroute/v1"
	client := clientv3.NewCtxClient(t.Context())
	s := &Store{client, root}
	id, other := strings.Repeat("3f2a", 16), strings.Repeat("81d0", 16)
	for _, c := range []struct {
		text string
		keys []string
		want string // error; "": none
	}{
		{"3f2a", []string{root + "/rev/" + id}, ""},
		{id, []string{root + "/rev/" + id}, ""},
		{"3f2", []string{root + "/rev/" + id}, `revision "3f2": want at least 4 digits`},
		{"3f2a", nil, `revision "3f2a": not found`},
		{"3f2a", []string{root + "/rev/" + id, root + "/rev/" + other}, `revision "3f2a": more than one begins with this`},
		{"3f2a", []string{root + "/rev/" + other}, `revision "3f2a": the store returned the key "` + root + "/rev/" + other + `"`},
		{"3f2a", []string{root + "/rev/3f2a/" + other}, "the store returned the key"},
		{"3f2a", []string{root + "/rev/" + id[:63]}, "the store returned the key"},
		{"3f2a", []string{root + "/ring/" + id}, "the store returned the key"},
		{"3f2a", []string{id}, "the store returned the key"},
	} {
		client.KV = answers{keys: c.keys}
		got, err := s.FindRevision(t.Context(), c.text)
		if c.want == "" {
			if err != nil || got != id {
				t.Errorf("%q, %v: %q, %v", c.text, c.keys, got, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %v: %q, %v, want %q", c.text, c.keys, got, err, c.want)
		}
	}
}
