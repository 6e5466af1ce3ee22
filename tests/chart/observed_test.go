package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// Every expression of alerts and dashboard is PromQL, and asks for metrics that exist.
func TestExpressions(t *testing.T) {
	objects := render(t, examples(t)["observed"])
	var expressions []string
	for _, group := range only(t, objects, "PrometheusRule").at("spec", "groups").([]any) {
		for _, rule := range group.(map[string]any)["rules"].([]any) {
			expressions = append(expressions, rule.(map[string]any)["expr"].(string))
		}
	}
	alerts := len(expressions)
	var dashboard any
	if err := json.Unmarshal([]byte(dashboardOf(t, objects)), &dashboard); err != nil {
		t.Fatal(err)
	}
	expressions = append(expressions, below(dashboard, "expr")...)
	if alerts < 10 || len(expressions) < alerts+15 {
		t.Errorf("only %d alerts and %d expressions", alerts, len(expressions))
	}

	exist := append(metricNames(t), "up", "apiserver_admission_webhook_fail_open_count", "apiserver_admission_webhook_rejection_count")
	for _, written := range expressions {
		// Grafana fills this in with a duration.
		expression, err := parser.ParseExpr(strings.ReplaceAll(written, "$__rate_interval", "5m"))
		if err != nil {
			t.Errorf("%s: %s", written, err)
			continue
		}
		for _, selectors := range parser.ExtractSelectors(expression) {
			for _, matcher := range selectors {
				if matcher.Name == "__name__" && !slices.Contains(exist, matcher.Value) {
					t.Errorf("%s: there is no metric %s", written, matcher.Value)
				}
			}
		}
	}
}

func dashboardOf(t *testing.T, objects []object) string {
	t.Helper()
	for _, configMap := range all(objects, "ConfigMap") {
		if text, is := configMap.at("data", "quench.json").(string); is {
			return text
		}
	}
	t.Fatal("no dashboard")
	return ""
}

// below are the texts under a key, wherever it is.
func below(value any, key string) []string {
	var found []string
	switch value := value.(type) {
	case map[string]any:
		for name, within := range value {
			if text, is := within.(string); is && name == key {
				found = append(found, text)
			}
			found = append(found, below(within, key)...)
		}
	case []any:
		for _, within := range value {
			found = append(found, below(within, key)...)
		}
	}
	return found
}

// metricNames are those of a running quench and, since only an authority and pull secrets in a cluster and registries that are
// asked show their own, those that their sources register.
func metricNames(t *testing.T) []string {
	t.Helper()
	var names []string
	served := serve(t, "{apiVersion: quench.dev/v1alpha1, kind: Policy}")
	// Families without a sample are not shown.
	if status, err := served.ask(); err != nil || status != "200 OK" {
		t.Fatal(status, err)
	}
	text := served.metrics(t)
	for _, family := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(text, -1) {
		switch name := family[1]; family[2] {
		case "counter":
			names = append(names, name+"_total")
		case "histogram":
			names = append(names, name+"_bucket", name+"_sum", name+"_count")
		default:
			names = append(names, name)
		}
	}
	for _, file := range []string{"authority", "pull_secrets", "registry"} {
		source, err := os.ReadFile(filepath.Join(root, "src/telemetry", file+".rs"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`"((authority|pull_secret|registry)_[a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
			names = append(names, "quench_"+name[1], "quench_"+name[1]+"_total", "quench_"+name[1]+"_seconds")
		}
	}
	return names
}

// What an alert says is for people: each has a summary, what it means, and how bad it is.
func TestAlertsSayWhatTheyMean(t *testing.T) {
	for _, rule := range only(t, render(t, examples(t)["observed"]), "PrometheusRule").at("spec", "groups", 0, "rules").([]any) {
		rule := object(rule.(map[string]any))
		for _, path := range [][]any{{"annotations", "summary"}, {"annotations", "description"}, {"labels", "severity"}} {
			if text, _ := rule.at(path...).(string); text == "" {
				t.Errorf("%v: no %v", rule["alert"], path)
			}
		}
	}
}

// Alerts ask for the job that the ServiceMonitor's Service gives.
func TestAlertsAskForTheJob(t *testing.T) {
	objects := render(t, examples(t)["observed"])
	wanted := only(t, objects, "ServiceMonitor").at("spec", "selector", "matchLabels").(map[string]any)
	var selected []string
	for _, service := range all(objects, "Service") {
		labels := service.at("metadata", "labels").(map[string]any)
		if !slices.ContainsFunc([]string{"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}, func(key string) bool { return labels[key] != wanted[key] }) {
			selected = append(selected, service.name())
		}
	}
	if !slices.Equal(selected, []string{"quench-metrics"}) {
		t.Fatalf("the ServiceMonitor selects %v", selected)
	}
	for _, rule := range only(t, objects, "PrometheusRule").at("spec", "groups", 0, "rules").([]any) {
		expression := rule.(map[string]any)["expr"].(string)
		if !strings.Contains(expression, "apiserver_") && !strings.Contains(expression, `namespace="quench", job="quench-metrics"`) {
			t.Error(expression)
		}
	}
}

// The alert of reviews that were not made counts the entries that would have changed something; those that only warn lose nothing.
func TestFailsOpenCountsWhatWouldHaveBeenChanged(t *testing.T) {
	for _, mode := range []string{"warn", "enforce"} {
		objects := render(t, "{anonymousPull: true, prometheusRule: {enabled: true}, policy: {mode: "+mode+"}}")
		var counted *regexp.Regexp
		for _, rule := range only(t, objects, "PrometheusRule").at("spec", "groups", 0, "rules").([]any) {
			rule := object(rule.(map[string]any))
			if rule["alert"] == "QuenchFailsOpen" {
				expression, err := parser.ParseExpr(rule["expr"].(string))
				if err != nil {
					t.Fatal(err)
				}
				for _, matcher := range parser.ExtractSelectors(expression)[0] {
					if matcher.Name == "name" {
						counted = regexp.MustCompile("^(?:" + matcher.Value + ")$")
					}
				}
			}
		}
		for _, entry := range only(t, objects, "MutatingWebhookConfiguration")["webhooks"].([]any) {
			entry := object(entry.(map[string]any))
			pods := slices.Contains(entry.at("rules", 0, "resources").([]any), any("pods"))
			changes := pods && entry.at("clientConfig", "service", "path") != "/mutate/warn"
			if counted.MatchString(entry["name"].(string)) != changes {
				t.Errorf("%s: %s", mode, entry["name"])
			}
		}
	}
}

// A port scanner makes no alert of bad handshakes while reviews arrive.
func TestHandshakesAreAnAlertOnlyWithoutReviews(t *testing.T) {
	for _, rule := range only(t, render(t, examples(t)["observed"]), "PrometheusRule").at("spec", "groups", 0, "rules").([]any) {
		rule := object(rule.(map[string]any))
		if rule["alert"] != "QuenchHandshakesFail" {
			continue
		}
		_, unless, _ := strings.Cut(rule["expr"].(string), " unless ")
		if !strings.Contains(unless, "quench_reviews_total{") || rule.at("labels", "severity") != "warning" {
			t.Error(rule)
		}
		return
	}
	t.Error("no such alert")
}
