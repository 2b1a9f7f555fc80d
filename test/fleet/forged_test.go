// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"crypto/ed25519"
	"os"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	model "github.com/ipsec-eroute/eroute/pkg/fleet"
)

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// Whoever can write to the store cannot change the table of a gateway: not with another key, with a revision or a blob
// that is changed, with an older assignment, or with that of another ring.
func TestForged(t *testing.T) {
	f := newFleet(t)
	g := f.local("gw", "ring", nodes.East, "")
	f.want(g, "unassigned", "")
	open := f.publish(guest)
	first := f.publish(sites)
	f.run("rollout " + first + " --rings ring")

	c := server.root
	put := func(key string, value []byte) {
		t.Helper()
		if _, err := c.Put(t.Context(), f.prefix+"/v1/"+key, string(value)); err != nil {
			t.Fatal(err)
		}
	}
	get := func(key string) []byte {
		t.Helper()
		got, err := c.Get(t.Context(), f.prefix+"/v1/"+key, clientv3.WithPrefix())
		if err != nil || len(got.Kvs) != 1 {
			t.Fatalf("%s: %v, %v", key, got, err)
		}
		return got.Kvs[0].Value
	}
	assigned := get("ring/ring")
	_, mallory, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}

	forged := model.Assignment{Ring: "ring", Serial: 99, Revision: open, Author: "mallory", Time: time.Now()}
	value, err := forged.Sign(mallory)
	if err != nil {
		t.Fatal(err)
	}
	put("ring/ring", value)
	f.want(g, "refused", "ring ring: not signed by a pinned key")
	if out := f.run("status"); !strings.Contains(out, "ring  not valid") {
		t.Errorf("%s", out)
	}

	operator := operatorKey(t, f)
	stale := model.Assignment{Ring: "ring", Serial: 1, Revision: open, Author: "alice", Time: time.Now()}
	if value, err = stale.Sign(operator); err != nil {
		t.Fatal(err)
	}
	put("ring/ring", value)
	f.want(g, "refused", "two revisions with serial 1")
	other := model.Assignment{Ring: "other", Serial: 99, Revision: open, Author: "alice", Time: time.Now()}
	if value, err = other.Sign(operator); err != nil {
		t.Fatal(err)
	}
	put("ring/ring", value)
	f.want(g, "refused", `the store returned the assignment of ring "other"`)
	put("ring/ring", assigned)
	f.want(g, "confirmed", "")

	// A revision of which a piece is changed: refused until it is published again.
	second := f.publish(sites + mail)
	r, err := model.OpenRevision(second, get("rev/"+second), []ed25519.PublicKey{operator.Public().(ed25519.PublicKey)})
	if err != nil {
		t.Fatal(err)
	}
	put("blob/"+r.Blob+"/0000", []byte("changed"))
	f.refused("rollout "+second+" --rings ring", "gateway gw: refused: revision "+second[:12]+": not the table that the revision names: 7 bytes in 1 pieces")
	f.publish(sites + mail)
	revision := get("rev/" + second)
	put("rev/"+second, get("rev/"+open))
	f.refused("rollout "+second+" --rings ring", "the store returned another one, "+open[:12])
	if out := f.run("history"); !strings.Contains(out, "not valid: revision "+second[:12]+": the store returned another one") || !strings.Contains(out, " by alice") {
		t.Errorf("%s", out)
	}
	put("rev/"+second, revision)
	g.has(sites)
	f.run("rollout " + second + " --rings ring")
	g.has(sites + mail)

	put("ring/ring", assigned) // replayed
	f.want(g, "refused", "serial 1 is below")
	g.has(sites + mail)
	// A rollout repairs it: its serial is above all that the gateways have accepted.
	f.run("rollout " + first + " --rings ring")
	g.has(sites)
}

// operatorKey reads the operator's private key.
func operatorKey(t *testing.T, f *fleet) ed25519.PrivateKey {
	t.Helper()
	text, err := os.ReadFile(f.dir + "/operator.pem")
	if err != nil {
		t.Fatal(err)
	}
	key, err := model.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
