package chart

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestRefusedValues(t *testing.T) {
	enforced := "name the Secret to pull hardened images with in `policy.pullSecrets`"
	for values, message := range map[string]string{
		"policy: {mode: enforce}":                  "`policy.mode` is `enforce`: " + enforced,
		"policy: {mode: null}":                     "`policy.mode` is `enforce`: " + enforced,
		"policy: {mode: enforce, pullSecrets: []}": enforced,
		"policy: {namespaces: [{match: a, mode: warn}, {match: b, mode: enforce}]}": "`policy.namespaces[1].mode` is `enforce`: " + enforced,
		"policy: {mode: loud}":                                                                                   "/policy/mode",
		"policy: {hazards: {needs-rot: keep}}":                                                                   "additional properties 'needs-rot' not allowed",
		"policy: {workloads: {Pod: sometimes}}":                                                                  "/policy/workloads/Pod",
		"policy: {verify: {timeout: 1h}}":                                                                        "/policy/verify/timeout",
		"{policy: {verify: {timeout: 600ms}}, webhook: {timeoutSeconds: 1}}":                                     "`policy.verify.timeout` is 600ms and `webhook.timeoutSeconds` 1: the API server must wait at least 500ms longer",
		"{policy: {verify: {}}, webhook: {timeoutSeconds: 1}}":                                                   "`policy.verify.timeout` is 800ms",
		"{policy: {verify: {timeout: 2s}}, webhook: {timeoutSeconds: 2}}":                                        "`policy.verify.timeout` is 2s",
		"registries: {ca: {configMapName: a, secretName: b}}":                                                    "`registries.ca` names a ConfigMap and a Secret",
		"registries: {httpsProxy: 'http://user:password@proxy:3128'}":                                            "/registries/httpsProxy",
		"registries: {httpsProxy: 'proxy:3128'}":                                                                 "/registries/httpsProxy",
		"networkPolicy: {registryPorts: []}":                                                                     "/networkPolicy/registryPorts",
		"catalog: {volume: {configMap: {name: a}, emptyDir: {}}}":                                                "/catalog/volume",
		"catalog: {volume: {configMap: a}}":                                                                      "/catalog/volume",
		"catalog: {file: /catalog.json}":                                                                         "/catalog/file",
		"policy: {rules: [{match: docker.io/a/b}]}":                                                              "/policy/rules/0",
		"policy: {kind: Polici}":                                                                                 "/policy/kind",
		"requireTargets: {enabled: true, validationActions: [Deny]}":                                             "nearly every pod would be refused",
		"requireTargets: {validationActions: [Deny, Warn]}":                                                      "/requireTargets/validationActions",
		"requireTargets: {validationActions: [Warn, Warn]}":                                                      "/requireTargets/validationActions",
		"certificates: {mode: certManager, certManager: {issuerRef: {kind: ClusterIssuer}}}":                     "missing property 'name'",
		"certificates: {certManager: {renewBefore: 30d}}":                                                        "/certificates/certManager/renewBefore",
		"certificates: {mode: certManager, certManager: {renewBefore: 2160h}}":                                   "`certificates.certManager.renewBefore` must be shorter",
		"certificates: {mode: certManager, certManager: {duration: 43800h}}":                                     "must be shorter than `authorityDuration`",
		"{certificates: {mode: certManager, certManager: {renewBefore: 168h}}, prometheusRule: {enabled: true}}": "must be less than `certificates.certManager.renewBefore`",
		"certificates: {selfManaged: {leafLifetime: 90d, authorityLifetime: 89d24h}}":                            "must be shorter than `authorityLifetime`",
		"{certificates: {selfManaged: {leafLifetime: 21d}}, prometheusRule: {enabled: true}}":                    "`prometheusRule.certificateDays` must be less than a third",
		"{certificates: {selfManaged: {authorityLifetime: 180d}}, prometheusRule: {enabled: true}}":              "`prometheusRule.authorityDays` must be less than a third",
		"serviceAccount: {create: false}":                                                                        "name the account in `serviceAccount.name`",
		"{serviceAccount: {create: false}, certificates: {mode: certManager}, policy: {pullSecrets: [{name: a, registries: [b], check: true}]}}": "name the account in `serviceAccount.name`",
		"policy: {pullSecrets: [{name: a, registries: [b], propagate: {}}]}":                                                                     "/policy/pullSecrets/0/propagate",
		"podDisruptionBudget: {maxUnavailable: x}":                                                                                               "/podDisruptionBudget/maxUnavailable",
		"terminationGracePeriodSeconds: 19":                                                                                                      "/terminationGracePeriodSeconds",
		"networkPolicy: {apiServerPorts: []}":                                                                                                    "/networkPolicy/apiServerPorts",
		"serviceMonitor: {interval: often}":                                                                                                      "/serviceMonitor/interval",
		"nameOverride: a.b":                                                                                                                      "/nameOverride",
		"fullnameOverride: 1a":                                                                                                                   "/fullnameOverride",
		"certificates: {mode: self}":                                                                                                             "/certificates/mode",
		"certificates: {mode: files}":                                                                                                            "name the Secret in `certificates.files.secretName`",
		"certificates: {mode: files, files: {secretName: a}}":                                                                                    "`certificates.files.caBundle` must hold the authorities",
		"certificates: {selfManaged: {leafLifetime: soon}}":                                                                                      "/certificates/selfManaged/leafLifetime",
		"webhook: {port: 8080}":                                                                                                                  "`webhook.port` and `adminPort` are the same",
		"webhook: {port: 1023}":                                                                                                                  "/webhook/port",
		"webhook: {timeoutSeconds: 31}":                                                                                                          "/webhook/timeoutSeconds",
		"image: {digest: sha256:0}":                                                                                                              "/image/digest",
		"adminPort: 80":                                                                                                                          "/adminPort",
		"replicaCount: two":                                                                                                                      "/replicaCount",
		"requireTargets: {validationActions: [Refuse]}":                                                                                          "/requireTargets/validationActions/0",
		"podLabels: {a: 1}":                                                                                                                      "/podLabels/a",
		"imagePullSecrets: [registry]":                                                                                                           "/imagePullSecrets/0",
	} {
		_, err := tryRender(t, values)
		if err == nil {
			t.Errorf("%s: accepted", values)
		} else if !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %s\nexpected: %s", values, err, message)
		}
	}
}

// quench leaves its own namespace alone: that must not be the one where add-ons live.
func TestKubeSystemIsRefused(t *testing.T) {
	if _, err := tryRender(t, "", "--namespace", "kube-system"); err == nil || !strings.Contains(err.Error(), "a namespace of its own") {
		t.Error(err)
	}
}

// A misspelt key is refused wherever the chart names the keys.
func TestUnknownKeysAreRefusedAtEveryLevel(t *testing.T) {
	values := defaults(t)
	// Kubernetes' own, labels, and what belongs to other charts.
	open := map[string]bool{"resources": true, "podSecurityContext": true, "nodeSelector": true, "dashboard.labels": true, "global": true}
	tried := 0
	var try func(path string, within map[string]any)
	try = func(path string, within map[string]any) {
		key := strings.TrimPrefix(path+".misspelt", ".")
		if _, err := tryRender(t, "", "--set", key+"=1"); err == nil {
			t.Errorf("%s: accepted", key)
		}
		tried++
		for name, value := range within {
			path := strings.TrimPrefix(path+"."+name, ".")
			if below, is := value.(map[string]any); is && len(below) > 0 && !open[path] {
				try(path, below)
			}
		}
	}
	try("", values)
	if tried < 15 {
		t.Errorf("only %d levels were tried", tried)
	}
}

// YAML reads an unquoted `off` as false, and so does Helm: the policy takes both.
func TestPolicyFile(t *testing.T) {
	for values, expected := range map[string]string{
		"":                    "{apiVersion: quench.dev/v1alpha1, kind: Policy, mode: warn}",
		"policy: {mode: off}": "{apiVersion: quench.dev/v1alpha1, kind: Policy, mode: false}",
		"policy: {mode: enforce}\nanonymousPull: true":                                                              "{apiVersion: quench.dev/v1alpha1, kind: Policy, mode: enforce, pullSecrets: []}",
		"policy: {workloads: {Deployment: off}, rules: [{match: 'docker.io/library/*', tag: '1.0', action: keep}]}": "{apiVersion: quench.dev/v1alpha1, kind: Policy, mode: warn, workloads: {Deployment: false}, rules: [{match: 'docker.io/library/*', tag: '1.0', action: keep}]}",
	} {
		text := only(t, render(t, values), "ConfigMap").at("data", "policy.yaml").(string)
		same(t, values, parse(t, text), parse(t, expected))
		quench(t, text, "policy", "check", "/dev/stdin")
	}
	for name, values := range examples(t) {
		for _, configMap := range all(render(t, values), "ConfigMap") {
			if text, is := configMap.at("data", "policy.yaml").(string); is {
				t.Log(name)
				quench(t, text, "policy", "check", "/dev/stdin")
			}
		}
	}
}

// defaults is values.yaml as it is read.
func defaults(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile(chart + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	return values
}
