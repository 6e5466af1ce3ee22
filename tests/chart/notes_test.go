package chart

import (
	"strings"
	"testing"
)

// NOTES.txt says what to do next, by the values.
func TestNotes(t *testing.T) {
	for values, expected := range map[string][]string{
		"":                    {"in mode warn", "quench.dev/mode=enforce", "pull with dhi-pull-secret,", "metadata.name=dhi-pull-secret "},
		"policy: {mode: off}": {"in mode off", "quench.dev/mode=warn", "an entry of policy.namespaces", "helm upgrade brings the configuration back; a replica"},
		"{policy: {mode: off, namespaces: [{match: shop, mode: enforce}]}, anonymousPull: true}":                            {"No pull secret is added"},
		"policy: {mode: off, namespaces: [{match: shop, mode: enforce}], pullSecrets: [{name: one, registries: [dhi.io]}]}": {"pull with one,"},
		withoutLogin: {"WARNING: no entry of policy.pullSecrets[].registries holds mirror.example.com/dhi/{name}"},
		"policy: {mode: enforce, pullSecrets: [{name: one, registries: [dhi.io]}, {name: two, registries: [b]}]}": {"in mode enforce", "quench.dev/mode=off", "pull with one, two,", "metadata.name=one ", "metadata.name=two "},
		"{policy: {mode: enforce}, anonymousPull: true}":                                                          {"No pull secret is added to pods"},
		"policy: {pullSecrets: [{name: one, registries: [dhi.io], propagate: {namespaces: [shop]}}]}":             {"quench copies one from namespace quench,", "--selector quench.dev/propagated-from=quench"},
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
		if strings.Contains(notes, "WARNING") != (values == withoutLogin) {
			t.Errorf("%s: %s", values, notes)
		}
		if strings.Contains(notes, "Where is it missing?") == (values == "policy: {mode: off}" || strings.Contains(values, "anonymousPull")) {
			t.Errorf("%s: %s", values, notes)
		}
	}
}

// A registry is none of which only the name begins alike.
const withoutLogin = "policy: {mode: enforce, hardened: {repository: 'mirror.example.com/dhi/{name}'}, pullSecrets: [{name: one, registries: [mirror.example.com/dh, dhi.io]}]}"

// A login for all of a registry, or for a part of it, serves what lies in it.
func TestNotesFindTheLogin(t *testing.T) {
	for _, registry := range []string{"mirror.example.com", "mirror.example.com/dhi", "mirror.example.com/dhi/"} {
		values := strings.Replace(withoutLogin, "mirror.example.com/dh,", registry+",", 1)
		stdout, stderr, err := helm(t, values, "install", "quench", chart, "--namespace", "quench", "--dry-run=client", "--values", "-")
		if err != nil || strings.Contains(stdout, "WARNING") {
			t.Errorf("%s: %s%s", registry, stdout, stderr)
		}
	}
}
