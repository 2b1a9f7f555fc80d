// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"testing"
)

func TestCheckVersion(t *testing.T) {
	for version, accepted := range map[string]bool{
		"3.7.1": true, "3.7.3": true, "3.8.0": true, "4.0.0": true,
		"3.7.0": false, "3.6.13": false, "3.7.1-rc.0": false, "": false, "new": false,
	} {
		if err := checkVersion(version); (err == nil) != accepted {
			t.Errorf("%q: %v", version, err)
		}
	}
}

// TLS is all or nothing, and https needs it.
func TestTLSSettings(t *testing.T) {
	for _, c := range []Config{
		{Endpoints: []string{"https://127.0.0.1:1"}},
		{Endpoints: []string{"https://127.0.0.1:1"}, CA: "ca.pem"},
		{Endpoints: []string{"https://127.0.0.1:1"}, Cert: "a.pem", Key: "a.key"},
		{Endpoints: []string{"https://127.0.0.1:1"}, CA: "missing.pem", Cert: "a.pem", Key: "a.key"},
	} {
		if s, err := Open(c); err == nil {
			t.Errorf("%+v: accepted", c)
			_ = s.Close()
		}
	}
}

// No endpoint is without TLS if there are certificates.
func TestHTTPWithTLS(t *testing.T) {
	for _, e := range []string{"http://127.0.0.1:2", "HTTP://127.0.0.1:2"} {
		_, err := Open(Config{Endpoints: []string{"https://127.0.0.1:1", e}, CA: "ca.pem", Cert: "a.pem", Key: "a.key"})
		if want := fmt.Sprintf("endpoint %q: without TLS, in spite of ca, cert and key: want https://", e); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
