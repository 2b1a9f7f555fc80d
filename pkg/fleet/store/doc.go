// SPDX-License-Identifier: Apache-2.0

// Package store keeps a fleet in etcd:
//
//	<prefix>/v1/blob/<id>/<n>      piece n of a compressed table, from 0, in 4 digits
//	<prefix>/v1/rev/<id>           a signed revision
//	<prefix>/v1/ring/<ring>        the signed assignment of a ring: the only key that its gateways watch
//	<prefix>/v1/gateway/<id>       a gateway and its ring
//	<prefix>/v1/status/<id>        the report of a gateway, under its lease
//	<prefix>/v1/lock/rollout       who runs a rollout, under a lease
//
// The first three are written by operators, the next two by the gateway.
package store
