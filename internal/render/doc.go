// SPDX-License-Identifier: Apache-2.0

// Package render formats the output of commands, as text and as JSON with the schema docs/schema.json.
package render
