// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// TestReleaseIsOfChangelog checks that release is the newest version of the changelog.
func TestReleaseIsOfChangelog(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	newest := regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+)`).FindSubmatch(text)
	if newest == nil || string(newest[1]) != release {
		t.Errorf("newest version of CHANGELOG.md is %q, release %q", newest, release)
	}
}

// TestVersionOfBuildInfo checks that the version contains the commit if the build information does.
func TestVersionOfBuildInfo(t *testing.T) {
	commit := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-11-29T23:30:00+02:00"}}
	for _, test := range []struct {
		settings []debug.BuildSetting
		want     string
	}{
		{nil, release},
		{commit[:1], release},
		{commit, release + "~git20261129.0123456"},
		{append(commit[:2:2], debug.BuildSetting{Key: "vcs.modified", Value: "true"}), release + "~git20261129.0123456+dirty"},
	} {
		if got := versionOf(&debug.BuildInfo{Settings: test.settings}); got != test.want {
			t.Errorf("%v: %q, want %q", test.settings, got, test.want)
		}
	}
}

// TestVersionIsRelease checks that a program built without a version reports its release.
func TestVersionIsRelease(t *testing.T) {
	out, err := exec.Command(testenv.Build(t), "--version").Output()
	if got := string(out); err != nil || got != "ipsec "+release+"\n" && !strings.HasPrefix(got, "ipsec "+release+"~git") {
		t.Errorf("%q, %v", got, err)
	}
}

// versionScript runs scripts/version.sh in a repository with the given number of commits, and with a tag unless it
// is "".
func versionScript(t *testing.T, tag string, commits int) string {
	t.Helper()
	dir := t.TempDir()
	for file, mode := range map[string]os.FileMode{"scripts/version.sh": 0o755, "cmd/ipsec/version.go": 0o644} {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, mode); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) {
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.org", "-C", dir}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_COMMITTER_DATE=2026-11-29T12:00:00Z")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	git("init", "-q")
	git("commit", "-q", "--allow-empty", "-m", "first")
	if tag != "" {
		git("tag", tag)
	}
	for range commits {
		git("commit", "-q", "--allow-empty", "-m", "next")
	}
	out, err := exec.Command(filepath.Join(dir, "scripts/version.sh")).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestVersionScriptSorts checks that package versions sort: a commit before the release, the release, a commit
// after it.
func TestVersionScriptSorts(t *testing.T) {
	before, at, after := versionScript(t, "", 0), versionScript(t, "v"+release, 0), versionScript(t, "v"+release, 2)
	if !regexp.MustCompile(`^`+regexp.QuoteMeta(release)+`~git20261129\.[0-9a-f]{7}$`).MatchString(before) || at != release ||
		!regexp.MustCompile(`^`+regexp.QuoteMeta(release)+`\+2\.g[0-9a-f]{7}$`).MatchString(after) {
		t.Errorf("versions %q, %q, %q", before, at, after)
	}
	for _, pair := range [][2]string{{before, at}, {at, after}} {
		if out, err := exec.Command("dpkg", "--compare-versions", pair[0], "lt", pair[1]).CombinedOutput(); err != nil {
			t.Errorf("%s is not before %s: %v %s", pair[0], pair[1], err, out)
		}
	}
}
