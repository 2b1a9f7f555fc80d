// SPDX-License-Identifier: Apache-2.0

package template

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Values are those of one gateway.
type Values struct {
	Variables map[string]string   `toml:"variables"` // of ${name}: an address, a prefix, a number or a site
	Sites     map[string][]string `toml:"sites"`     // of @name: prefixes
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)

// Check returns an error if a value is not valid.
func (v *Values) Check() error {
	for _, name := range slices.Sorted(maps.Keys(v.Sites)) {
		if !namePattern.MatchString(name) {
			return fmt.Errorf("sites: %q: a name must be letters, digits, dashes and underscores", name)
		}
		if len(v.Sites[name]) == 0 {
			return fmt.Errorf("sites: %s: no prefix", name)
		}
		for _, text := range v.Sites[name] {
			if p, err := netip.ParsePrefix(text); err != nil || p != p.Masked() || p.String() != text {
				return fmt.Errorf("sites: %s: %q: want a prefix such as 10.1.0.0/16", name, text)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.Variables)) {
		if !namePattern.MatchString(name) {
			return fmt.Errorf("variables: %q: a name must be letters, digits, dashes and underscores", name)
		}
		if err := v.checkVariable(v.Variables[name]); err != nil {
			return fmt.Errorf("variables: %s: %q: %w", name, v.Variables[name], err)
		}
	}
	return nil
}

func (v *Values) checkVariable(text string) error {
	if site, ok := strings.CutPrefix(text, "@"); ok {
		if len(v.Sites[site]) == 0 {
			return errors.New("no such site")
		}
		return nil
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return nil
	}
	if _, err := netip.ParsePrefix(text); err == nil {
		return nil
	}
	if n, err := strconv.ParseUint(text, 10, 32); err == nil && strconv.FormatUint(n, 10) == text {
		return nil
	}
	return errors.New("want an address, a prefix, a number or a site such as @paris")
}

// hasVariables reports whether a line has variables or sites, whose values differ between gateways.
func hasVariables(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, "$") || strings.HasPrefix(w, "@") })
}

// expand returns the lines that a line with variables stands for on the gateway. With two sites these are all pairs of
// their prefixes; a pair of two families is left out.
func (v *Values) expand(words []string) (lines [][]string, err error) {
	line := slices.Clone(words)
	for i, word := range words {
		if line[i], err = v.substitute(word); err != nil {
			return nil, err
		}
	}
	lines = [][]string{line}
	for i, word := range line {
		site, ok := strings.CutPrefix(word, "@")
		if !ok {
			continue
		}
		if i == 0 || line[i-1] != "--src" && line[i-1] != "--dst" {
			return nil, fmt.Errorf("site @%s: sites are values of --src and --dst", site)
		}
		prefixes, exists := v.Sites[site]
		if !exists {
			return nil, fmt.Errorf("site @%s: this gateway has no such site", site)
		}
		var next [][]string
		for _, l := range lines {
			for _, p := range prefixes {
				with := slices.Clone(l)
				with[i] = p
				next = append(next, with)
			}
		}
		lines = next
	}
	if len(lines) > 1 {
		if lines = slices.DeleteFunc(lines, mixed); len(lines) == 0 {
			return nil, errors.New("no prefixes of --src and --dst are of the same family")
		}
	}
	return lines, nil
}

// mixed reports whether the prefixes of a line are of two families.
func mixed(line []string) bool {
	v4, v6 := false, false
	for i, word := range line[1:] {
		if option := line[i]; option != "--src" && option != "--dst" {
			continue
		}
		if p, err := netip.ParsePrefix(word); err == nil {
			v4, v6 = v4 || p.Addr().Is4(), v6 || p.Addr().Is6()
		}
	}
	return v4 && v6
}

// substitute replaces the variables in a word.
func (v *Values) substitute(word string) (string, error) {
	var out strings.Builder
	for rest := word; ; {
		before, after, found := strings.Cut(rest, "$")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, end, closed := strings.Cut(strings.TrimPrefix(after, "{"), "}")
		if !strings.HasPrefix(after, "{") || !closed || !namePattern.MatchString(name) {
			return "", fmt.Errorf("%q: want a variable such as ${local}", word)
		}
		if strings.HasPrefix(word, "--") {
			return "", fmt.Errorf("%q: a variable in the name of an option", word)
		}
		value, exists := v.Variables[name]
		if !exists {
			return "", fmt.Errorf("variable ${%s}: this gateway has no such variable", name)
		}
		out.WriteString(value)
		rest = end
	}
}
