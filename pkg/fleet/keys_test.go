// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"os/exec"
	"strings"
	"testing"
)

// openssl runs openssl and returns its output.
func openssl(t *testing.T, stdin, args string) string {
	t.Helper()
	cmd := exec.Command("openssl", strings.Fields(args)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v", args, err)
	}
	return string(out)
}

// Keys that openssl makes sign and verify; several can be pinned.
func TestOpensslKeys(t *testing.T) {
	alice, bob := openssl(t, "", "genpkey -algorithm ed25519"), openssl(t, "", "genpkey -algorithm ed25519")
	pinned := "# alice and bob\n" + openssl(t, alice, "pkey -pubout") + openssl(t, bob, "pkey -pubout")
	keys, err := ParsePublicKeys([]byte(pinned))
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	key, err := ParsePrivateKey([]byte(bob))
	if err != nil {
		t.Fatal(err)
	}
	a := Assignment{Ring: "canary", Serial: 1, Revision: strings.Repeat("a", idLength)}
	value, err := a.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAssignment("canary", value, keys); err != nil {
		t.Error(err)
	}
	x25519 := openssl(t, "", "genpkey -algorithm X25519")
	if _, err := ParsePrivateKey([]byte(x25519)); err == nil || !strings.Contains(err.Error(), "want Ed25519") {
		t.Error(err)
	}
	for _, bad := range []string{"", "text", alice, openssl(t, x25519, "pkey -pubout")} {
		if _, err := ParsePublicKeys([]byte(bad)); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}
