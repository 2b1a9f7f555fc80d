// SPDX-License-Identifier: Apache-2.0

package doctor

import "slices"

// Level is the severity of a finding.
type Level string

// The levels. Only a problem requires action.
const (
	OK      Level = "ok"      // the check has found nothing
	Note    Level = "note"    // an acceptable limitation
	Problem Level = "problem" // something does not work, or soon will not
)

// Finding is one result of a check.
type Finding struct {
	Check   string // the check's name
	Level   Level
	Subject string // a feature, an interface, a route, a SAID; "" for the namespace
	Text    string // what was found
	Cost    string // the consequence; "" if none
	Remedy  string // what to do; "" if nothing
}

// check judges one aspect of the facts.
type check struct {
	name string
	fine string            // the text if there is no finding
	of   func(*Facts) bool // whether the check applies
	find func(*Facts) []Finding
}

// always and the functions below are the conditions under which checks apply.
func always(*Facts) bool    { return true }
func devices(f *Facts) bool { return len(f.Devices) > 0 }
func routed(f *Facts) bool {
	return slices.ContainsFunc(f.Devices, func(d Device) bool { return !d.Watched })
}
func table(f *Facts) bool      { return f.Table != nil }
func sas(f *Facts) bool        { return len(f.SAs) > 0 }
func usages(f *Facts) bool     { return len(f.Usages) > 0 }
func interfaces(f *Facts) bool { return len(f.Interfaces) > 0 }

// checks are all checks, in the order in which their findings are printed.
var checks = []check{
	kernelCheck,
	tableCheck,
	costCheck,
	deviceCheck,
	syncCheck,
	settingsCheck,
	xdpCheck,
	offloadCheck,
	forwardingCheck,
	rpFilterCheck,
	watchCheck,
	followCheck,
	exitCheck,
	natCheck,
	precedenceCheck,
	routeCheck,
	leakCheck,
	passCheck,
	saCheck,
	policyCheck,
	peerCheck,
	inboundCheck,
	lifetimeCheck,
	sameReqIDCheck,
	relayCheck,
}

// Examine runs all checks.
func Examine(f *Facts) (all []Finding) {
	for _, c := range checks {
		if !c.of(f) {
			continue
		}
		found := c.find(f)
		if len(found) == 0 {
			found = []Finding{{Level: OK, Text: c.fine}}
		}
		for _, finding := range found {
			finding.Check = c.name
			all = append(all, finding)
		}
	}
	return all
}

// Problems counts the findings that require action.
func Problems(all []Finding) (n int) {
	for _, f := range all {
		if f.Level == Problem {
			n++
		}
	}
	return n
}
