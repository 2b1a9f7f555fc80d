// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/fleet/template"
)

// A table becomes its text without names and comments; tables that gateways cannot share are refused with the line.
func TestRead(t *testing.T) {
	r := template.Reader{Resolver: testenv.Hosts, Names: testenv.Names}
	table, err := Read(t.Context(), r, strings.NewReader(`# sites
--add --src 10.1/16 --dst gw.example/32 --transport-proto tcp --dst-port ssh --said %pass
--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %trap --acquire-reqid 7   # traps

--add --src 10.1.0.0/16 --dst 10.3.0.0/16 --said tun0x1000@192.0.2.2,tun0x2000@198.51.100.2 --spread failover
--add --src 10.1.0.0/16 --dst 10.4.0.0/16 --said %xfrm
`), "FILE")
	const want = `--add --src 10.1.0.0/16 --dst 192.0.2.1/32 --transport-proto 6 --dst-port 22 --said %pass
--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %trap --acquire-mode tunnel --acquire-proto esp --acquire-reqid 7
--add --src 10.1.0.0/16 --dst 10.3.0.0/16 --said tun0x1000@192.0.2.2,tun0x2000@198.51.100.2 --spread failover
--add --src 10.1.0.0/16 --dst 10.4.0.0/16 --said %xfrm
`
	if err != nil || string(table.Text) != want || table.Eroutes != 4 {
		t.Fatalf("%v, %+v", err, table)
	}
	again, err := Read(t.Context(), r, strings.NewReader(want), "FILE")
	if err != nil || string(again.Text) != want {
		t.Errorf("not idempotent: %v, %s", err, again.Text)
	}

	const eroute = "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said "
	for text, reason := range map[string]string{
		eroute + "tun0x1000@192.0.2.2":          `FILE: line 1: --said value "tun0x1000@192.0.2.2": an SA of one gateway`,
		eroute + "%pass\n" + eroute + "%drop":   "FILE: line 2: --add",
		"--del --src 10.1.0.0/16 --dst 10.2/16": "FILE: line 1: --del: only --add lines",
		"--add --src 10.1.0.0/16":               "FILE: line 1: ",
		"no table":                              "FILE: line 1: ",
	} {
		if _, err := Read(t.Context(), r, strings.NewReader(text), "FILE"); err == nil || !strings.HasPrefix(err.Error(), reason) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Lines with variables are published as they are, and checked with the values of the reader.
func TestReadTemplate(t *testing.T) {
	values := &template.Values{Variables: map[string]string{"local": "@paris"}, Sites: map[string][]string{"paris": {"10.1.0.0/16", "10.9.0.0/16"}}}
	r := template.Reader{Resolver: testenv.Hosts, Names: testenv.Names, Values: func() (*template.Values, error) { return values, nil }}
	const text = "--add   --src ${local} --dst 10.2.0.0/16 --said %trap # sites\n--add --src 10.0.0.0/8 --dst gw.example/32 --said %drop\n"
	table, err := Read(t.Context(), r, strings.NewReader(text), "FILE")
	const want = "--add --src ${local} --dst 10.2.0.0/16 --said %trap\n--add --src 10.0.0.0/8 --dst 192.0.2.1/32 --said %drop\n"
	if err != nil || string(table.Text) != want || table.Eroutes != 3 {
		t.Errorf("%v, %+v", err, table)
	}
	values.Sites["paris"][1] = "10.1.0.0/16"
	if _, err := Read(t.Context(), r, strings.NewReader(text), "FILE"); err == nil || !strings.HasPrefix(err.Error(), "FILE: line 1: --add") {
		t.Errorf("the same selector twice: %v", err)
	}
}
