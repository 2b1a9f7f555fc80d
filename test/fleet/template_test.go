// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// A template becomes another table on each gateway, by its own settings. A variable that a gateway does not have, and one
// whose value would send packets in clear, are refused there. A changed value takes effect with the next rollout.
func TestTemplate(t *testing.T) {
	f := newFleet(t)
	const berlin = "\n[sites]\nberlin = ['10.2.0.0/16', '10.3.0.0/16']\n"
	paris := f.local("gw1", "paris", nodes.East, "")
	rome := f.local("gw2", "rome", nodes.West, "")
	for _, g := range []*gateway{paris, rome} {
		f.want(g, "unassigned", "")
	}
	settings := func(g *gateway, more string) {
		t.Helper()
		f.write(g.config, g.settings+"confirm = 10\n"+more)
	}
	const text = "--add --src ${local} --dst @berlin --said %trap\n--add --src ${guest} --dst 10.2.0.0/16 --said %drop\n"
	f.refused("publish "+f.write("template", text), "template: line 1: variable ${local}: this gateway has no such variable")
	content, err := os.ReadFile(f.config)
	if err != nil {
		t.Fatal(err)
	}
	operator := string(content)
	f.write(f.config, operator+"\n[variables]\nlocal = '10.9.0.0/16'\nguest = '10.9.7.0/24'\n"+berlin)
	settings(paris, "\n[variables]\nlocal = '10.1.0.0/16'\nguest = '10.1.7.0/24'\n"+berlin)
	settings(rome, "\n[variables]\nlocal = '10.5.0.0/16'\n"+berlin)
	template := f.publish(text)

	f.run("rollout " + template + " --rings paris")
	const ofParis = "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %trap\n--add --src 10.1.0.0/16 --dst 10.3.0.0/16 --said %trap\n" +
		"--add --src 10.1.7.0/24 --dst 10.2.0.0/16 --said %drop\n"
	paris.has(ofParis)
	paris.is(template)
	f.refused("rollout "+template+" --rings rome", "gateway gw2: refused: revision "+template[:12]+": line 2: variable ${guest}: this gateway has no such variable")
	rome.has("")
	settings(rome, "\n[variables]\nlocal = '@rome'\nguest = '10.5.7.0/24'\n"+berlin+"rome = ['10.5.0.0/16']\n")
	f.run("rollout " + template + " --rings rome")
	rome.has(strings.ReplaceAll(ofParis, "10.1.", "10.5."))

	// The gateway's own rule is for its own table: what would pass there in clear was dropped.
	opening := strings.Replace(text, "%drop", "%pass", 1)
	opens := f.publish(opening)
	f.refused("rollout "+opens+" --rings paris", "gateway gw1: refused: ")
	paris.has(ofParis)

	// After a restart with an empty table, as after a boot, the table that was confirmed returns, and not that of changed
	// values; these take effect with the next rollout.
	f.run("rollout " + template + " --rings paris")
	paris.stop(syscall.SIGTERM)
	settings(paris, "\n[variables]\nlocal = '10.6.0.0/16'\nguest = '10.6.7.0/24'\n"+berlin)
	paris.ipsec("eroute --clear")
	paris.start()
	eventually(t, func() bool { return strings.Contains(paris.log.String(), "the table was empty") }, paris.log.String)
	paris.has(ofParis)
	f.run("rollout " + template + " --rings paris")
	paris.has(strings.ReplaceAll(ofParis, "10.1.", "10.6."))
}
