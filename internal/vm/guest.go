// SPDX-License-Identifier: Apache-2.0

package vm

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed guest.sh
var guestScript string

// modules are the kernel modules that the guest must have; guest.sh loads them and names missing ones. One of
// several names suffices: kernels rename them.
var modules = []string{
	"xfrm_interface", "xfrm_user", "esp4", "esp6", "ah4", "ah6", "ipcomp", "ipcomp6",
	"deflate", "authenc", "echainiv", "seqiv", "gcm", "cbc", "ctr", "hmac",
	"sha1_generic|sha1", "sha256_generic|sha256", "sha512_generic|sha512", "veth", "8021q", "tun", "af_packet", "overlay",
}

// modules are those that the booted kernel must have. Without IPv6 it loads neither its protocols nor
// xfrm_interface.
func (g Guest) modules() []string {
	if !g.NoIPv6 {
		return modules
	}
	return slices.DeleteFunc(slices.Clone(modules), func(m string) bool {
		return slices.Contains([]string{"xfrm_interface", "esp6", "ah6", "ipcomp6"}, m)
	})
}

// writeScripts writes guest.sh and the files it reads into dir.
func (g Guest) writeScripts(dir string, scratch scratch) error {
	var command strings.Builder
	fmt.Fprintf(&command, "export VM_SCRATCH=%s\n", quote(string(scratch)))
	cache, err := os.UserCacheDir() // scripts/setup.sh stores files there
	if err != nil {
		return fmt.Errorf("find cache directory: %w", err)
	}
	for _, env := range append([]string{"XDG_CACHE_HOME=" + cache}, g.Env...) {
		name, value, _ := strings.Cut(env, "=")
		fmt.Fprintf(&command, "export %s=%s\n", name, quote(value))
	}
	fmt.Fprintf(&command, "cd %s || exit 125\nexec", quote(g.Dir))
	for _, arg := range g.Command {
		command.WriteString(" " + quote(arg))
	}
	command.WriteString("\n")
	for name, text := range map[string]string{
		"guest.sh":   guestScript,
		"modules":    strings.Join(g.modules(), "\n"),
		"command.sh": command.String(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write guest script: %w", err)
		}
	}
	return nil
}

// quote quotes s as one word of a POSIX shell.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
