// SPDX-License-Identifier: Apache-2.0

// Package template reads tables of a fleet, whose lines can have variables, ${local}, and sites, @paris. Each gateway
// has its own values for them, and a value is only an address, a prefix, a number or a site: it cannot add an option to
// a line.
package template
