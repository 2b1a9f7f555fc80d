// SPDX-License-Identifier: Apache-2.0

package template

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
)

var example = Values{
	Variables: map[string]string{"local": "@paris", "peer": "192.0.2.1", "net": "10.7.0.0/16", "port": "25", "n6": "2001:db8::/32"},
	Sites:     map[string][]string{"paris": {"10.1.0.0/16", "2001:db8:1::/48"}, "berlin": {"10.2.0.0/16", "10.3.0.0/16", "2001:db8:2::/48"}, "six": {"2001:db8:6::/48"}},
}

func resolve(t *testing.T, text string, v *Values) (string, error) {
	t.Helper()
	if err := v.Check(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	digest, err := Resolve(t.Context(), &out, strings.NewReader(text), "revision 3f2a", func() (*Values, error) { return v, nil })
	if sum := sha256.Sum256(out.Bytes()); err == nil && digest != hex.EncodeToString(sum[:]) {
		t.Errorf("digest %s", digest)
	}
	return out.String(), err
}

// A template becomes the table of a gateway: variables are replaced, and sites by each of their prefixes of the family.
func TestResolve(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %trap\n":                                            "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %trap\n",
		"--add --src ${net} --dst ${peer}/32 --transport-proto 6 --dst-port ${port} --said %drop":             "--add --src 10.7.0.0/16 --dst 192.0.2.1/32 --transport-proto 6 --dst-port 25 --said %drop\n",
		"--add --src ${net} --dst 10.2.0.0/16 --said tun0x1000@${peer},tun0x2000@192.0.2.9 --spread failover": "--add --src 10.7.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.1,tun0x2000@192.0.2.9 --spread failover\n",
		"--add --src ${net} --dst 10.2.0.0/16 --said %trap --acquire-peer ${peer} --acquire-reqid ${port}":    "--add --src 10.7.0.0/16 --dst 10.2.0.0/16 --said %trap --acquire-mode tunnel --acquire-proto esp --acquire-peer 192.0.2.1 --acquire-reqid 25\n",
		"# a comment\n--add --src ${local} --dst @berlin --said %trap # ${unknown}\n": "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %trap\n--add --src 10.1.0.0/16 --dst 10.3.0.0/16 --said %trap\n" +
			"--add --src 2001:db8:1::/48 --dst 2001:db8:2::/48 --said %trap\n",
		"--add --src @paris --dst 0.0.0.0/0 --said %trap": "--add --src 10.1.0.0/16 --dst 0.0.0.0/0 --said %trap\n",
	} {
		if got, err := resolve(t, text, &example); err != nil || got != want {
			t.Errorf("%q: %v\n%swant\n%s", text, err, got, want)
		}
	}
}

// What cannot be resolved is refused with the variable and the line. Nothing but --add lines without a single SA
// remains, also of a table that another program has signed, and no name is looked up on the gateway.
func TestResolveRefused(t *testing.T) {
	const before = "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %trap\n"
	for text, want := range map[string]string{
		"--add --src ${lokal} --dst 10.2.0.0/16 --said %trap":                  "variable ${lokal}: this gateway has no such variable",
		"--add --src @rome --dst 10.2.0.0/16 --said %trap":                     "site @rome: this gateway has no such site",
		"--add --src $local --dst 10.2.0.0/16 --said %trap":                    `"$local": want a variable such as ${local}`,
		"--add --src ${local --dst 10.2.0.0/16 --said %trap":                   `"${local": want a variable such as ${local}`,
		"--add --src ${} --dst 10.2.0.0/16 --said %trap":                       `"${}": want a variable such as ${local}`,
		"--add --${local} 10.1.0.0/16 --dst 10.2.0.0/16 --said %trap":          `"--${local}": a variable in the name of an option`,
		"--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said @paris":              "site @paris: sites are values of --src and --dst",
		"@paris --src 10.1.0.0/16 --dst 10.2.0.0/16":                           "site @paris: sites are values of --src and --dst",
		"--add --src @six --dst 10.2.0.0/16 --said %trap":                      "--add --src 2001:db8:6::/48 --dst 10.2.0.0/16 --said %trap: ",
		"--add --src ${net} --dst gw.example/32 --said %trap":                  "names of hosts are resolved when a table is published, not in lines with variables",
		"--add --src 10.7.0.0/16 --dst gw.example/32 --said %trap":             "names of hosts are resolved when a table is published, not in lines with variables",
		"--add --src ${net} --dst 10.2.0.0/16 --said tun0x1000@${peer}":        "an SA of one gateway",
		"--add --src 10.7.0.0/16 --dst 10.2.0.0/16 --said tun0x1@10.1.1.1":     "",
		"--add --src 10.7.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.1": "an SA of one gateway",
		"--del --src ${net} --dst 10.2.0.0/16":                                 "--del: only --add lines are allowed in a table file",
		"--del --src 10.7.0.0/16 --dst 10.2.0.0/16":                            "--del: only --add lines are allowed in a table file",
		"--clear": "--clear: only --add lines are allowed in a table file",
		"--add --src ${net} --dst 10.2.0.0/16 --transport-proto tcp --said %drop": "",
	} {
		_, err := resolve(t, before+text+"\n", &example)
		if err == nil || !strings.HasPrefix(err.Error(), "revision 3f2a: line 2: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A value is an address, a prefix, a number or a site: it cannot add an option or a line.
func TestCheckValues(t *testing.T) {
	for _, bad := range []string{
		"", "10.1.0.0/16 --said %pass", "10.1.0.0/16\n--add", "--said", "%pass", "%default", "host.example", "192.0.2.1%eth0", "fe80::1%eth0", "@rome", "@", "@paris @paris",
		"010", "-1", "+1", "0x10", "4294967296", "${net}", "10.1.0.0/16#", "1 ",
	} {
		v := Values{Variables: map[string]string{"a": bad}, Sites: example.Sites}
		if err := v.Check(); err == nil || !strings.HasPrefix(err.Error(), "variables: a: ") {
			t.Errorf("accepted %q: %v", bad, err)
		}
	}
	for _, bad := range [][]string{nil, {}, {""}, {"10.1.0.0/16", "10.1.0.1/16"}, {"10.1.0.0"}, {"10.1.0.0/16 --said %pass"}, {"@paris"}, {"${net}"}} {
		v := Values{Sites: map[string][]string{"a": bad}}
		if err := v.Check(); err == nil || !strings.HasPrefix(err.Error(), "sites: a: ") {
			t.Errorf("accepted %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "a b", "a}", "a.b", strings.Repeat("a", 64)} {
		for _, v := range []Values{{Variables: map[string]string{bad: "1"}}, {Sites: map[string][]string{bad: {"10.1.0.0/16"}}}} {
			if v.Check() == nil {
				t.Errorf("accepted the name %q", bad)
			}
		}
	}
}

// Values are read only for a line that needs them; an error of the output is not one of a line.
func TestResolveErrors(t *testing.T) {
	failed := errors.New("no settings")
	none := func() (*Values, error) { return nil, failed }
	const plain = "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %trap\n"
	if _, err := Resolve(t.Context(), io.Discard, strings.NewReader(plain), "T", none); err != nil {
		t.Error(err)
	}
	if _, err := Resolve(t.Context(), io.Discard, strings.NewReader("--add --src ${a}"), "T", none); !errors.Is(err, failed) {
		t.Error(err)
	}
	r, w := io.Pipe()
	_ = r.CloseWithError(failed)
	if _, err := Resolve(t.Context(), w, strings.NewReader(plain), "T", none); err == nil || err.Error() != failed.Error() {
		t.Error(err)
	}
}
