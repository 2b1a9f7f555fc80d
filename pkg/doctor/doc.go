// SPDX-License-Identifier: Apache-2.0

// Package doctor diagnoses the eroute table of a network namespace: errors and possible improvements of the
// kernel, the interfaces, the routes and the SAs.
//
// [Gather] collects all facts, then [Examine] runs the checks, which only read the facts. Nothing is changed:
// features are probed in a separate network namespace, although the kernel may load modules for that.
package doctor
