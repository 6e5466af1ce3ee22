package chart

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Whatever the release is called, every name is one that the API server takes: that of a Service has 63 letters and no dots.
func TestNames(t *testing.T) {
	label := regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)
	everything := "{serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}, requireTargets: {enabled: true}, certificates: {mode: certManager}}"
	for release, fullname := range map[string]string{
		"quench":                             "quench",
		"my.quench":                          "my-quench",
		"eu":                                 "eu-quench",
		strings.Repeat("a", 53):              strings.Repeat("a", 47),
		strings.Repeat("a", 45) + "--" + "b": strings.Repeat("a", 45),
	} {
		stdout, stderr, err := helm(t, everything, "template", release, chart, "--namespace", "quench", "--values", "-")
		if err != nil {
			t.Fatal(stderr)
		}
		objects := documents(t, stdout)
		same(t, release, only(t, objects, "Deployment").name(), fullname)
		for _, object := range objects {
			if !label.MatchString(object.name()) {
				t.Errorf("%s: %s %s", release, object.kind(), object.name())
			}
			// What a certificate's subject may hold.
			if name, is := object.at("spec", "commonName").(string); is && len(name) > 64 {
				t.Error(name)
			}
		}
	}
	if _, stderr, err := helm(t, "fullnameOverride: ''", "template", "1-quench", chart, "--namespace", "quench", "--values", "-"); err == nil || !strings.Contains(stderr, "begins with a letter") {
		t.Error(stderr)
	}
}

// Labels of one's own are beside the chart's, and never in their place: selectors would find nothing.
func TestLabelsAreNotOverridden(t *testing.T) {
	plain := render(t, "dashboard: {enabled: true}")
	const tried = "{app.kubernetes.io/name: other, app.kubernetes.io/instance: other, app.kubernetes.io/component: other, app.kubernetes.io/version: other, own: label}"
	labelled := render(t, "{commonLabels: "+tried+", podLabels: "+tried+", dashboard: {enabled: true, labels: "+tried+"}}")
	count := 0
	for i, object := range labelled {
		for _, path := range [][]any{{"metadata", "labels"}, {"spec", "template", "metadata", "labels"}} {
			before, _ := plain[i].at(path...).(map[string]any)
			after, _ := object.at(path...).(map[string]any)
			for key, value := range before {
				if after[key] != value && key != "grafana_dashboard" {
					t.Errorf("%s %s: %s: %v", object.kind(), object.name(), key, after[key])
				}
			}
			if before != nil && after["own"] != "label" {
				t.Errorf("%s %s: %v", object.kind(), object.name(), after)
			}
			count += len(before)
		}
	}
	if count < 40 {
		t.Errorf("only %d labels", count)
	}
}

// A value of which everything is commented out is null, which Helm takes for no value at all: maps, lists and empty texts are then
// empty, and anything else is named.
func TestNull(t *testing.T) {
	values := defaults(t)
	schema, err := os.ReadFile(chart + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var properties map[string]any
	if err := json.Unmarshal(schema, &properties); err != nil {
		t.Fatal(err)
	}
	// With all that is rendered only if it is asked for.
	others := map[string]any{}
	for _, name := range []string{"serviceMonitor", "prometheusRule", "dashboard", "requireTargets"} {
		others[name] = map[string]any{"enabled": true}
	}
	var empty []string
	var try func(path []string, within map[string]any, schema object)
	try = func(path []string, within map[string]any, schema object) {
		for key, value := range within {
			path := append(path[:len(path):len(path)], key)
			name := strings.Join(path, ".")
			below, isMap := value.(map[string]any)
			section := isMap && schema.at("properties", key, "properties") != nil && len(below) > 0
			_, isList := value.([]any)
			mayBeNothing := isMap && !section && name != "policy" || isList && schema.at("properties", key, "minItems") == nil || value == ""
			if mayBeNothing {
				empty = append(empty, name)
			} else if _, err := tryRender(t, asJSON(t, others), "--set", name+"=null"); err == nil || !strings.Contains(err.Error(), "missing property '"+key+"'") {
				t.Errorf("%s: %v", name, err)
			}
			if section {
				try(path, below, object(schema.at("properties", key).(map[string]any)))
			}
		}
	}
	try(nil, values, properties)
	if len(empty) < 30 {
		t.Errorf("only %d values may be nothing", len(empty))
	}
	for _, mode := range []string{"selfManaged", "certManager"} {
		for _, name := range empty {
			if _, err := tryRender(t, asJSON(t, others), "--set", "certificates.mode="+mode+","+name+"=null"); err != nil {
				t.Errorf("%s: %s", name, err)
			}
		}
	}
	if _, err := tryRender(t, "certificates: {mode: files, files: {secretName: a, caBundle: }}"); err == nil || !strings.Contains(err.Error(), "must hold the authorities") {
		t.Error(err)
	}
}

// Where the platform gives users out, the chart names none.
func TestPodSecurityContext(t *testing.T) {
	objects := render(t, "podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}")
	expected := parse(t, "{runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}")
	same(t, "Deployment", only(t, objects, "Deployment").at("spec", "template", "spec", "securityContext"), expected)
	same(t, "Pod", only(t, objects, "Pod").at("spec", "securityContext"), expected)
}

// The pod of a test that went well leaves nothing.
func TestHook(t *testing.T) {
	same(t, "hook", only(t, render(t, ""), "Pod").at("metadata", "annotations", "helm.sh/hook-delete-policy"), any("before-hook-creation,hook-succeeded"))
}
