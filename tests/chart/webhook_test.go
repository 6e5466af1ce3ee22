package chart

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// failing are the requirements that tell namespaces apart whose label asks for `Fail`: the program prints none.
func isAboutFailing(requirement any) bool {
	return requirement.(map[string]any)["key"] == "quench.dev/failure-policy"
}

// The chart's entries for namespaces without wishes are those that the program prints, but for where they lead.
func TestWebhookIsWhatTheProgramPrints(t *testing.T) {
	for _, workloads := range []string{
		"{}",
		"{Deployment: off, StatefulSet: 'off', Job: off, CronJob: off, ReplicationController: off}",
		"{ReplicaSet: warn, DaemonSet: off}",
		"{Pod: off}",
		"{Pod: warn, DaemonSet: warn, Deployment: rewrite, StatefulSet: rewrite, Job: rewrite, CronJob: rewrite, ReplicationController: rewrite, ReplicaSet: rewrite}",
		"{gitops: rewrite}",
	} {
		policy := fmt.Sprintf("{apiVersion: quench.dev/v1alpha1, kind: Policy, workloads: %s}", workloads)
		printed := serve(t, policy).configuration
		for _, entry := range printed["webhooks"].([]any) {
			delete(entry.(map[string]any), "clientConfig")
		}
		rendered := only(t, render(t, fmt.Sprintf("policy: {workloads: %s}", workloads)), "MutatingWebhookConfiguration")
		var entries []any
		for _, entry := range rendered["webhooks"].([]any) {
			entry := entry.(map[string]any)
			name := entry["name"].(string)
			if strings.Contains(name, "fail") {
				continue
			}
			path := map[string]any{"mutate.quench.dev": "/mutate", "warn.quench.dev": "/mutate/warn", "enforce.quench.dev": "/mutate/enforce"}[name]
			same(t, name, entry["clientConfig"], map[string]any{"service": map[string]any{"name": "quench", "namespace": "quench", "path": path, "port": 443}})
			delete(entry, "clientConfig")
			selector := entry["namespaceSelector"].(map[string]any)
			selector["matchExpressions"] = slices.DeleteFunc(selector["matchExpressions"].([]any), isAboutFailing)
			entries = append(entries, entry)
		}
		same(t, workloads, byName(entries), byName(printed["webhooks"].([]any)))
	}
}

func byName(items []any) map[string]any {
	found := map[string]any{}
	for _, item := range items {
		found[item.(map[string]any)["name"].(string)] = item
	}
	return found
}

// What differs between entries is the path, the namespaces, what is sent, and what happens while quench is away.
func TestEntriesAreAlikeOtherwise(t *testing.T) {
	for name, values := range examples(t) {
		entries := only(t, render(t, values), "MutatingWebhookConfiguration")["webhooks"].([]any)
		strip := func(entry any) map[string]any {
			stripped := map[string]any{}
			for key, value := range entry.(map[string]any) {
				if !slices.Contains([]string{"name", "clientConfig", "failurePolicy", "namespaceSelector", "rules"}, key) {
					stripped[key] = value
				}
			}
			return stripped
		}
		for _, entry := range entries {
			same(t, name, strip(entry), strip(entries[0]))
		}
	}
}

// Every object meets one entry or, where quench is off, none.
func TestEveryObjectMeetsOneEntry(t *testing.T) {
	// By resource: whether it fails where its namespace asks for it.
	for values, resources := range map[string]map[string]bool{
		"workloads: {}": {"pods": true, "pods/ephemeralcontainers": true, "daemonsets": true, "deployments": false, "cronjobs": false},
		"workloads: {Deployment: rewrite, DaemonSet: warn}":            {"pods": true, "daemonsets": false, "deployments": true, "jobs": false},
		"workloads: {Pod: warn, DaemonSet: warn, ReplicaSet: rewrite}": {"pods": false, "daemonsets": false, "replicasets": true},
	} {
		// Where nothing is enforced, nothing fails but what asks for `enforce` itself.
		for mode, enforced := range map[string]bool{
			"mode: warn": false, "mode: off": false, "mode: enforce": true, "mode: null": true,
			"mode: warn, namespaces: [{match: a, mode: warn}]": false, "mode: off, namespaces: [{match: a, mode: off}, {match: b, mode: enforce}]": true,
		} {
			everyResourceMeetsOne(t, fmt.Sprintf("policy: {%s, %s}", values, mode), resources, enforced)
		}
	}
}

func everyResourceMeetsOne(t *testing.T, values string, resources map[string]bool, enforced bool) {
	t.Helper()
	rendered := render(t, values+"\nanonymousPull: true\nwebhook: {neverFail: [calico-system, quench]}")
	entries := only(t, rendered, "MutatingWebhookConfiguration")["webhooks"].([]any)
	for resource, fails := range resources {
		var sent []any
		for _, entry := range entries {
			for _, rule := range entry.(map[string]any)["rules"].([]any) {
				if slices.Contains(rule.(map[string]any)["resources"].([]any), any(resource)) {
					sent = append(sent, entry)
				}
			}
		}
		everyNamespaceMeetsOne(t, values+" "+resource, sent, fails, enforced)
	}
}

func everyNamespaceMeetsOne(t *testing.T, what string, entries []any, mayFail, enforced bool) {
	t.Helper()
	fails := 0
	for _, namespace := range []string{"shop", "kube-system", "calico-system", "quench"} {
		for _, mode := range []string{"", "off", "warn", "enforce", "loud"} {
			for _, wish := range []string{"", "fail", "ignore"} {
				labels := map[string]string{"kubernetes.io/metadata.name": namespace}
				if mode != "" {
					labels["quench.dev/mode"] = mode
				}
				if wish != "" {
					labels["quench.dev/failure-policy"] = wish
				}
				var met []string
				for _, entry := range entries {
					entry := object(entry.(map[string]any))
					if selects(t, entry.at("namespaceSelector", "matchExpressions").([]any), labels) {
						met = append(met, fmt.Sprint(entry.at("clientConfig", "service", "path"), " ", entry["failurePolicy"]))
					}
				}
				path, failure := "/mutate", "Ignore"
				if mode == "warn" || mode == "enforce" {
					path += "/" + mode
				}
				if mayFail && wish == "fail" && namespace == "shop" && mode != "warn" && (enforced || mode == "enforce") {
					failure = "Fail"
				}
				expected := []string{path + " " + failure}
				if namespace == "quench" || mode == "off" {
					expected = nil
				}
				if !slices.Equal(met, expected) {
					t.Errorf("%s: %v meets %v; expected: %v", what, labels, met, expected)
				}
				if failure == "Fail" && expected != nil {
					fails++
				}
			}
		}
	}
	// Without a label, with one that names no mode, and with `enforce`.
	expected := map[bool]int{true: 3, false: 1}[enforced]
	if mayFail != (fails == expected) || !mayFail && fails > 0 {
		t.Errorf("%s: %d namespaces with Fail", what, fails)
	}
}

// selects is what Kubernetes does with match expressions.
func selects(t *testing.T, expressions []any, labels map[string]string) bool {
	t.Helper()
	for _, expression := range expressions {
		expression := expression.(map[string]any)
		value, labelled := labels[expression["key"].(string)]
		listed := labelled && slices.Contains(expression["values"].([]any), any(value))
		switch expression["operator"] {
		case "In":
			if !listed {
				return false
			}
		case "NotIn":
			if listed {
				return false
			}
		default:
			t.Fatal("no such operator: ", expression["operator"])
		}
	}
	return true
}

func TestWhoIsTrusted(t *testing.T) {
	bundles := func(configuration object) map[any]bool {
		found := map[any]bool{}
		for _, entry := range configuration["webhooks"].([]any) {
			found[object(entry.(map[string]any)).at("clientConfig", "caBundle")] = true
		}
		return found
	}
	examples := examples(t)
	const annotation = "cert-manager.io/inject-ca-from"
	// Where another fills it in, the chart leaves it out: an upgrade would empty it.
	for name, by := range map[string]any{"default": nil, "cert-manager": "quench/quench", "cert-manager-issuer": "quench/quench", "files": nil} {
		configuration := only(t, render(t, examples[name]), "MutatingWebhookConfiguration")
		same(t, name, configuration.at("metadata", "annotations", annotation), by)
		found := bundles(configuration)
		if len(found) != 1 || found[nil] != (name != "files") {
			t.Errorf("%s: caBundle %v", name, found)
		}
	}
}
