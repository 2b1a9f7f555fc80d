// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/docblocks"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/fleet/template"
)

// execute runs a command line, and returns its exit status and output.
func execute(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	e := &env{
		stdin: strings.NewReader(""), stdout: &out, stderr: &errs, version: "1.2.3",
		tables: template.Reader{Resolver: testenv.Hosts, Names: testenv.Names},
	}
	status = run(t.Context(), e, args)
	return status, out.String(), errs.String()
}

// Wrong arguments and settings are refused in one line that names the option or the key.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const endpoints = "endpoints = ['http://127.0.0.1:1']\n"
	unknown := file("unknown", endpoints+"colour = 'red'\n")
	none := file("none", "prefix = '/a'\n")
	noKeys := file("nokeys", endpoints)
	badKeys := file("badkeys", endpoints+"keys = '"+file("empty", "")+"'\n")
	badValue := file("badvalue", endpoints+"keys = 'a'\n[variables]\nlocal = '10.1.0.0/16 --said %pass'\n")
	badName := file("badname", endpoints+"[gateway]\nname = 'a/b'\nring = 'all'\n")
	table := file("table", "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %pass\n")
	template := file("template", "--add --src ${local} --dst 10.2.0.0/16 --said %trap\n")
	comment := file("comment", "# no eroute\n")
	promises := file("promises", "10.1.0.0/16 10.2.0.0/16 protected\n")
	for args, want := range map[string]string{
		"":                              "ipsec-fleet: no command: see ipsec-fleet --help",
		"statsu":                        `ipsec-fleet: unknown command "statsu": see ipsec-fleet --help`,
		"status now":                    "ipsec-fleet status: 1 arguments: usage: ipsec-fleet status [--watch | --json]",
		"status --watch":                "ipsec-fleet status: --watch: standard output is not a terminal",
		"status --watch --json":         "ipsec-fleet status: --watch: not together with --json",
		"status --jsn":                  `ipsec-fleet status: unknown option "--jsn": see --help`,
		"status -v":                     `ipsec-fleet status: unknown option "-v": options begin with two dashes, see --help`,
		"status --config":               "ipsec-fleet status: --config needs a value: FILE",
		"status --config " + dir + "/x": "ipsec-fleet status: --config: open " + dir + "/x: no such file or directory",
		"status --config " + unknown:    "ipsec-fleet status: --config " + unknown + `: line 2: unknown key "colour"`,
		"status --config " + none:       "ipsec-fleet status: --config " + none + ": endpoints is missing",
		"status --config " + noKeys:     "ipsec-fleet status: keys is missing: the file of the public keys of operators",
		"status --config " + badKeys:    "ipsec-fleet status: keys " + dir + "/empty: no PEM block PUBLIC KEY",
		"agent --config " + badName:     `ipsec-fleet agent: gateway: name "a/b": must be 1 to 63 letters, digits, dots, dashes and underscores, a letter or a digit first`,
		"status --config " + badValue: "ipsec-fleet status: --config " + badValue +
			`: variables: local: "10.1.0.0/16 --said %pass": want an address, a prefix, a number or a site such as @paris`,
		"publish " + template + " --config " + none: "ipsec-fleet publish: " + template + ": line 1: --config " + none + ": endpoints is missing",
		"rollout abcd":                    "ipsec-fleet rollout: needs --rings RING,...",
		"rollout abcd --rings a --wait 0": `ipsec-fleet rollout: --wait value "0": want a number of seconds`,
		"publish " + dir + "/x":           "ipsec-fleet publish: open " + dir + "/x: no such file or directory",
		"publish " + comment:              "ipsec-fleet publish: " + comment + ": no eroutes: a revision without any would protect nothing",
		"publish " + promises:             "ipsec-fleet publish: " + promises + `: line 1: unexpected argument "10.1.0.0/16": see --help`,
		"publish --assert " + promises + " " + table: "ipsec-fleet publish: --assert " + promises +
			": line 1: not all packets of 10.1.0.0/16 -> 10.2.0.0/16 would be protected: 10.1.0.1 -> 10.2.0.1 protocol 1 matches %pass",
		"prune --keep 0": `ipsec-fleet prune: --keep value "0": want a number of revisions`,
		"help nothing":   `ipsec-fleet: unknown command "nothing": see ipsec-fleet --help`,
	} {
		status, stdout, stderr := execute(t, strings.Fields(args)...)
		if status != 1 || stdout != "" || stderr != want+"\n" {
			t.Errorf("ipsec-fleet %s: status %d, %q, %q, want %q", args, status, stdout, stderr, want)
		}
	}
}

// What gateways and the store return cannot control the terminal.
func TestOneLine(t *testing.T) {
	const text = "a\x1b[2J\tb\u202ec\u009bd\u200be é 8\nf\n"
	if got, want := render.OneLine(text), "a?[2J?b?c?d?e é 8; f"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// An agent starts without metrics if it cannot listen: here it reaches the table, which it cannot read.
func TestMetricsPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	dir := t.TempDir()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	keys, config := filepath.Join(dir, "keys"), filepath.Join(dir, "config")
	text := fmt.Sprintf("endpoints = ['http://127.0.0.1:1']\nkeys = '%s'\n[gateway]\nname = 'gw'\nring = 'all'\nstate = '%s'\nipsec = 'false'\nmetrics = '%s'\n",
		keys, dir, taken.Addr())
	if err := errors.Join(os.WriteFile(keys, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600), os.WriteFile(config, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := execute(t, "agent", "--config", config)
	if status != 1 || !strings.Contains(stderr, `level=ERROR msg="no metrics" error="listen tcp `) || !strings.HasSuffix(stderr, "ipsec-fleet agent: \n") {
		t.Errorf("%d, %q", status, stderr)
	}
}

// Each command has a help text that fits a terminal, and --help and --version work.
func TestHelp(t *testing.T) {
	root := newRoot(&command{env: &env{stdout: io.Discard, stderr: io.Discard}})
	root.InitDefaultHelpCmd()
	for _, cmd := range append(root.Commands(), root) {
		var help bytes.Buffer
		cli.PrintHelp(&help, cmd)
		for line := range strings.Lines(help.String()) {
			if len(line) > 94 {
				t.Errorf("%s: %d columns: %s", cmd.CommandPath(), len(line), line)
			}
		}
		if cmd.Name() == "help" {
			continue
		}
		args := strings.Fields(cmd.CommandPath())[1:]
		if status, stdout, stderr := execute(t, append(args, "--help")...); status != 0 || stdout != help.String() || stderr != "" {
			t.Errorf("%s --help: %d, %q, %q", cmd.CommandPath(), status, stdout, stderr)
		}
		if status, stdout, _ := execute(t, append(args, "--version")...); status != 0 || stdout != cmd.CommandPath()+" 1.2.3\n" {
			t.Errorf("%s --version: %d, %q", cmd.CommandPath(), status, stdout)
		}
	}
	if _, stdout, _ := execute(t, "help", "publish"); !strings.HasPrefix(stdout, "Checks a table") {
		t.Errorf("%q", stdout)
	}
}

// The commands of docs/fleet.md are those of the demo, which checks what they print.
func TestDocumentOfDemo(t *testing.T) {
	blocks, err := docblocks.Blocks("fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown, run []string
	for _, b := range blocks {
		if b.Language == "sh" {
			shown = append(shown, b.Text)
		}
	}
	for _, s := range append([]demoStep{demoSetup}, demoSteps...) {
		run = append(run, s.script)
	}
	if diff := cmp.Diff(run, shown); diff != "" {
		t.Error(diff)
	}
}

// The settings of docs/fleet.md are valid, and show every key with its default.
func TestDocument(t *testing.T) {
	blocks, err := docblocks.Blocks("fleet.md")
	blocks = slices.DeleteFunc(blocks, func(b docblocks.Block) bool { return b.Language != "toml" })
	if err != nil || len(blocks) != 2 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	var all [2]config
	for i, b := range blocks {
		c := &command{opts: cli.Parsed{}}
		set := cli.Options{configOption}
		file := filepath.Join(t.TempDir(), "fleet.toml")
		if err := os.WriteFile(file, []byte(b.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := set.Parse([]string{"--config", file}, 0, &c.opts); err != nil {
			t.Fatal(err)
		}
		cfg, err := c.readConfig()
		if err != nil {
			t.Fatal(err)
		}
		all[i] = *cfg
		for key := range strings.FieldsSeq("endpoints ca cert key keys signing_key author prefix [gateway] name ring state ipsec confirm health_command max_drops new_clear metrics [variables] [sites]") {
			operator := key == "signing_key" || key == "author"
			both := slices.Contains([]string{"endpoints", "ca", "cert", "key", "keys", "[variables]", "[sites]"}, key)
			if want := both || operator == (i == 0); strings.Contains("\n"+b.Text, "\n"+key) != want {
				t.Errorf("block %d: %s: want %v", i+1, key, want)
			}
		}
	}
	g, none := all[1].Gateway, configGateway{}
	none.defaults()
	if g.State != none.State || g.Confirm != none.Confirm || g.NewClear != none.NewClear || all[1].Prefix != defaultPrefix {
		t.Errorf("%+v, defaults are %+v", g, none)
	}
}
