package chart

import (
	"strings"
	"testing"
)

// NOTES.txt says what to do next, by the values.
func TestNotes(t *testing.T) {
	for values, expected := range map[string][]string{
		"":                    {"in mode warn", "quench.dev/mode=enforce", "pull with dhi-pull-secret,", "metadata.name=dhi-pull-secret "},
		"policy: {mode: off}": {"in mode off", "quench.dev/mode=warn"},
		"policy: {mode: enforce, pullSecrets: [{name: one, registries: [a]}, {name: two, registries: [b]}]}": {"in mode enforce", "quench.dev/mode=off", "pull with one, two,", "metadata.name=one ", "metadata.name=two "},
		"{policy: {mode: enforce}, anonymousPull: true}":                                                     {"No pull secret is added to pods"},
		examples(t)["files"]: {"Secret quench-certificate is yours to renew"},
	} {
		stdout, stderr, err := helm(t, values, "install", "quench", chart, "--namespace", "quench", "--dry-run=client", "--values", "-")
		if err != nil {
			t.Fatal(stderr)
		}
		_, notes, _ := strings.Cut(stdout, "NOTES:")
		for _, text := range expected {
			if !strings.Contains(notes, text) {
				t.Errorf("%s: %q is not in\n%s", values, text, notes)
			}
		}
		if strings.Contains(notes, "<no value>") {
			t.Error(notes)
		}
	}
}
