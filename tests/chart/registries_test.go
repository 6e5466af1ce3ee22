package chart

import (
	"os"
	"strings"
	"testing"
)

// What leaves the pods is what they need: the API server, and with `verify` DNS and the ports that policy and proxy name.
func TestEgressToRegistries(t *testing.T) {
	for values, ports := range map[string]string{
		"policy: {verify: {}}":   "[443]",
		"policy: {verify: null}": "",
		"{policy: {verify: {}}, networkPolicy: {registryPorts: [443, 8443]}}":                            "[443, 8443]",
		"policy: {verify: {}, hardened: {repository: 'r.example:5000/dhi/{name}'}}":                      "[443, 5000]",
		"policy: {verify: {}, hardened: {repository: 'r.example/a/{name}'}}":                             "[443]",
		"policy: {verify: {}, mirrors: [{from: docker.io, to: 'r.example:443/hub'}]}":                    "[443]",
		"policy: {verify: {}, rules: [{match: docker.io/a/b, replace: 'r.example:6000/a:1'}]}":           "[443, 6000]",
		"policy: {verify: {}, rules: [{match: docker.io/a/b, replace: 'r.example/a/b:6000'}]}":           "[443]",
		"policy: {verify: {}, rules: [{match: docker.io/a/b, action: keep}]}":                            "[443]",
		"policy: {verify: {realms: ['a.example:8080', b.example], private: ['c.example:9000']}}":         "[443, 8080, 9000]",
		"policy: {verify: {insecure: [r.example, 'other.example:81']}}":                                  "[443, 80, 81]",
		"{policy: {verify: {}}, registries: {httpsProxy: 'http://proxy.example:3128/'}}":                 "[443, 3128]",
		"{policy: {verify: {}}, registries: {httpsProxy: 'http://proxy.example'}}":                       "[443, 80]",
		"{policy: {verify: {}}, registries: {httpsProxy: 'https://proxy.example'}}":                      "[443]",
		"{registries: {httpsProxy: 'http://proxy.example:3128'}, networkPolicy: {registryPorts: [444]}}": "",
	} {
		egress := only(t, render(t, values, "--set", "certificates.mode=certManager"), "NetworkPolicy").at("spec", "egress")
		expected := []any{}
		if ports != "" {
			var registries []any
			for _, port := range parse(t, ports).([]any) {
				registries = append(registries, map[string]any{"port": port, "protocol": "TCP"})
			}
			const dns = "{ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}, {port: 5353, protocol: UDP}, {port: 5353, protocol: TCP}]}"
			expected = append(expected, parse(t, dns), map[string]any{"ports": registries})
		}
		same(t, values, egress, any(expected))
	}
	egress := only(t, render(t, examples(t)["registries"]), "NetworkPolicy").at("spec", "egress").([]any)
	if len(egress) != 3 {
		t.Fatal(shown(egress))
	}
	same(t, "to", egress[2], parse(t, "{ports: [{port: 443, protocol: TCP}, {port: 5000, protocol: TCP}, {port: 3128, protocol: TCP}], to: [{ipBlock: {cidr: 192.0.2.0/24}}]}"))
}

// The API server waits longer than a review may wait for registries.
func TestTimeoutsThatFit(t *testing.T) {
	for _, values := range []string{
		"{policy: {verify: {timeout: 500ms}}, webhook: {timeoutSeconds: 1}}",
		"{policy: {verify: {}}, webhook: {timeoutSeconds: 2}}",
		"policy: {verify: {timeout: 2s}}",
		"{policy: {verify: null}, webhook: {timeoutSeconds: 1}}",
		"webhook: {timeoutSeconds: 1}",
	} {
		if _, err := tryRender(t, values); err != nil {
			t.Errorf("%s: %s", values, err)
		}
	}
}

// A proxy that the chart names, or a Secret, and what is reached without it.
func TestProxy(t *testing.T) {
	const namespace = "{name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}"
	const near = "'.svc,.cluster.local,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16'"
	const secret = "{name: HTTPS_PROXY, valueFrom: {secretKeyRef: {name: proxy, key: url}}}"
	for values, expected := range map[string]string{
		"": "[" + namespace + "]",
		"registries: {httpsProxy: 'http://p.example:3128'}":                                         "[" + namespace + ", {name: HTTPS_PROXY, value: 'http://p.example:3128'}, {name: NO_PROXY, value: " + near + "}]",
		"registries: {httpsProxy: 'http://p.example:3128', noProxy: [a, .b]}":                       "[" + namespace + ", {name: HTTPS_PROXY, value: 'http://p.example:3128'}, {name: NO_PROXY, value: 'a,.b'}]",
		"extraEnv: [" + secret + "]":                                                                "[" + namespace + ", {name: NO_PROXY, value: " + near + "}, " + secret + "]",
		"{registries: {httpsProxy: 'http://p.example'}, extraEnv: [{name: NO_PROXY, value: here}]}": "[" + namespace + ", {name: HTTPS_PROXY, value: 'http://p.example'}, {name: NO_PROXY, value: here}]",
	} {
		same(t, values, only(t, render(t, values), "Deployment").at("spec", "template", "spec", "containers", 0, "env"), parse(t, expected))
	}
}

func TestRegistryFilesAreOfTheObjectsThatAreNamed(t *testing.T) {
	for values, expected := range map[string]string{
		"registries: {auth: {secretName: a, key: config.json}}": "{secret: {name: a, items: [{key: config.json, path: registries/config.json}]}}",
		"registries: {ca: {secretName: b, key: b.pem}}":         "{secret: {name: b, items: [{key: b.pem, path: registries/ca.crt}]}}",
		"registries: {ca: {configMapName: c}}":                  "{configMap: {name: c, items: [{key: ca.crt, path: registries/ca.crt}]}}",
	} {
		same(t, values, only(t, render(t, values), "Deployment").at("spec", "template", "spec", "volumes", 0, "projected", "sources", 1), parse(t, expected))
	}
}

// Alerts about registries are for those who ask them.
func TestAlertsAboutRegistries(t *testing.T) {
	for values, expected := range map[string]int{"": 0, "policy: {verify: {}}": 4} {
		found := 0
		for _, rule := range only(t, render(t, values, "--set", "prometheusRule.enabled=true"), "PrometheusRule").at("spec", "groups", 0, "rules").([]any) {
			if strings.Contains(rule.(map[string]any)["expr"].(string), "quench_registry_") {
				found++
			}
		}
		if found != expected {
			t.Errorf("%s: %d alerts", values, found)
		}
	}
}

func TestNotesMissALogin(t *testing.T) {
	const enforced = "policy: {mode: enforce, verify: {}, pullSecrets: [{name: a, registries: [dhi.io]}]}"
	for values, warned := range map[string]bool{
		enforced: true,
		enforced + "\nregistries: {auth: {secretName: b}}":                 false,
		enforced + "\nextraArgs: [--registry-auth=/elsewhere/config.json]": false,
		enforced + "\nanonymousPull: true":                                 false,
		strings.Replace(enforced, "verify: {}, ", "", 1):                   false,
	} {
		stdout, stderr, err := helm(t, values, "install", "quench", chart, "--namespace", "quench", "--dry-run=client", "--values", "-")
		if err != nil {
			t.Fatal(stderr)
		}
		if strings.Contains(stdout, "WARNING: registries are asked without a login") != warned {
			t.Errorf("%s: %s", values, stdout)
		}
	}
}

// docs/install.md says what a catalog may be kept in: the embedded one fits a ConfigMap, of which kubectl's client-side apply cannot make one.
func TestWhatACatalogFits(t *testing.T) {
	c := theCluster(t)
	c.namespace(t, "catalogs", "restricted")
	create := func(name, path string) (string, error) {
		_, stderr, err := c.tryKubectl(t, "", "create", "configmap", name, "-n", "catalogs", "--from-file=catalog.json="+path)
		return stderr, err
	}
	embedded := root + "/core/data/catalog.json"
	if stderr, err := create("embedded", embedded); err != nil {
		t.Error(stderr)
	}
	text, err := os.ReadFile(embedded)
	if err != nil {
		t.Fatal(err)
	}
	for size, fits := range map[int]bool{1 << 20: true, 1<<20 + 1: false} {
		padded := tempFile(t, "catalog.json", string(text)+strings.Repeat(" ", size-len(text)))
		if stderr, err := create("of-some-size", padded); (err == nil) != fits {
			t.Errorf("%d bytes: %s", size, stderr)
		}
	}
	for _, volume := range []string{
		"{configMap: {name: quench-catalog}}",
		"{persistentVolumeClaim: {claimName: quench-catalog, readOnly: true}}",
		"{image: {reference: 'registry.example.com/quench-catalog:1', pullPolicy: Always}}",
	} {
		text, err := tryRender(t, "catalog: {volume: "+volume+"}", "--namespace", "catalogs", "--show-only", "templates/deployment.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if _, stderr, err := c.tryKubectl(t, text, "apply", "--dry-run=server", "--validate=strict", "-f", "-"); err != nil || stderr != "" {
			t.Errorf("%s: %s", volume, stderr)
		}
	}
}
