// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/transport"
)

// Certificates is a directory with certificates of one authority, ca.pem, for servers at some addresses and their
// clients. The common name of a certificate is its user; its files are USER.pem and USER.key.
type Certificates string

// Certify makes certificates in a directory, with openssl.
func Certify(dir string, addresses []string, users ...string) (Certificates, error) {
	commands := []string{"req -x509 -newkey ed25519 -nodes -subj /CN=ca -keyout ca.key -out ca.pem"}
	names := "subjectAltName=IP:" + strings.Join(addresses, ",IP:")
	for _, user := range users {
		commands = append(commands, fmt.Sprintf("req -x509 -CA ca.pem -CAkey ca.key -newkey ed25519 -nodes -subj /CN=%s -addext %s -addext basicConstraints=CA:FALSE -keyout %[1]s.key -out %[1]s.pem", user, names))
	}
	for _, args := range commands {
		cmd := exec.Command("openssl", strings.Fields(args)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("openssl %s: %w: %s", args, err, out)
		}
	}
	return Certificates(dir), nil
}

// TLS returns the certificate of a user.
func (c Certificates) TLS(user string) transport.TLSInfo {
	file := func(name string) string { return filepath.Join(string(c), name) }
	return transport.TLSInfo{CertFile: file(user + ".pem"), KeyFile: file(user + ".key"), TrustedCAFile: file("ca.pem")}
}

// Settings returns the settings of ipsec-fleet for a user.
func (c Certificates) Settings(user string) string {
	t := c.TLS(user)
	return fmt.Sprintf("ca = %q\ncert = %q\nkey = %q\n", t.TrustedCAFile, t.CertFile, t.KeyFile)
}
