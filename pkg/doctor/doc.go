// SPDX-License-Identifier: Apache-2.0

// Package doctor looks for what is wrong or could be better with the eroute table of a
// network namespace: the kernel under it, the interfaces, the routes, the SAs.
//
// First all facts are gathered ([Gather]), then each check judges them ([Examine]).
// Checks do nothing but that. Nothing is changed: features are tried out in a network
// namespace of their own, though the kernel may load its modules for that.
package doctor
