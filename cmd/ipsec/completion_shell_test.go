// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// completionCommands are scripts that let a real shell complete "ipsec eroute --lim". SCRIPT is the output of "ipsec
// completion".
var completionCommands = map[string]string{
	"bash": `
		source /usr/share/bash-completion/bash_completion
		source "$SCRIPT"
		compopt() { :; } # works only while a key is pressed
		COMP_LINE="ipsec eroute --lim" COMP_POINT=18 COMP_WORDS=(ipsec eroute --lim) COMP_CWORD=2
		__start_ipsec ipsec
		printf '%s\n' "${COMPREPLY[@]}"`,
	"zsh": `
		zmodload zsh/zpty
		zpty shell zsh -f -i
		zpty -w shell 'PS1=; autoload -U compinit; compinit -u -D; source $SCRIPT; echo rea""dy'
		zpty -r -m shell text '*ready*'
		zpty -w -n shell $'ipsec eroute --lim\t'
		zpty -r -m shell text '*--limit*'
		print -r -- "$text"`,
	"fish": `
		source $SCRIPT
		complete -C "ipsec eroute --lim"`,
}

// TestShells checks completion in each shell with the script for it. Needs the shells, see scripts/setup.sh.
func TestShells(t *testing.T) {
	dir := filepath.Dir(testenv.Build(t))
	for shell, command := range completionCommands {
		t.Run(shell, func(t *testing.T) {
			text, err := exec.CommandContext(t.Context(), dir+"/ipsec", "completion", shell).Output()
			if err != nil {
				t.Fatal(err)
			}
			script := filepath.Join(dir, shell)
			if err := os.WriteFile(script, text, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, shell, "-c", command)
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "SCRIPT="+script, "HOME="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--limit") || strings.Contains(string(out), "rror") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
