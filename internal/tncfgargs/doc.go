// SPDX-License-Identifier: Apache-2.0

// Package tncfgargs declares the options of "ipsec tncfg" and converts them to ipsec devices. It also reads the file of
// --config, which lists such devices.
package tncfgargs
