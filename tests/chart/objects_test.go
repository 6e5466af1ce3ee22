package chart

import (
	"slices"
	"strings"
	"testing"
)

// docs/install.md promises these rights and no more.
func TestRights(t *testing.T) {
	kinds := []string{"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Secret"}
	for name, values := range examples(t) {
		objects := render(t, values)
		mounted := only(t, objects, "Deployment").at("spec", "template", "spec", "automountServiceAccountToken")
		selfManaged := strings.Contains(strings.Join(arguments(t, objects), " "), "--self-managed")
		copies := name == "pull-secrets" || name == "observed"
		same(t, name, mounted, selfManaged || copies)
		same(t, name, only(t, objects, "ServiceAccount").at("automountServiceAccountToken"), any(false))
		found := 0
		for _, kind := range kinds {
			found += len(all(objects, kind))
		}
		expected := map[bool]int{true: len(kinds), false: 0}[selfManaged]
		if copies {
			expected += 2 // TestRightsForPullSecrets
		}
		if found != expected {
			t.Errorf("%s: %d objects of %v", name, found, kinds)
		}
	}
	objects := render(t, "")
	same(t, "Role", only(t, objects, "Role")["rules"], parse(t, "[{apiGroups: [''], resources: [secrets], resourceNames: [quench-ca], verbs: [get, create, patch]}]"))
	same(t, "ClusterRole", only(t, objects, "ClusterRole")["rules"], parse(t, "[{apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations], resourceNames: [quench], verbs: [get, patch]}]"))
	for _, binding := range []string{"RoleBinding", "ClusterRoleBinding"} {
		same(t, binding, only(t, objects, binding)["subjects"], parse(t, "[{kind: ServiceAccount, name: quench, namespace: quench}]"))
	}
}

func arguments(t *testing.T, objects []object) []string {
	t.Helper()
	var found []string
	for _, argument := range only(t, objects, "Deployment").at("spec", "template", "spec", "containers", 0, "args").([]any) {
		found = append(found, argument.(string))
	}
	return found
}

func TestArguments(t *testing.T) {
	examples := examples(t)
	for name, expected := range map[string]string{
		"default": "serve --policy=/etc/quench/policy.yaml --listen=0.0.0.0:8443 --admin=0.0.0.0:8080 --log-level=info --self-managed --authority-secret=quench-ca --service=quench --webhook-configuration=quench --authority-lifetime=365d --leaf-lifetime=30d",
		"files":   "serve --policy=/etc/quench/policy.yaml --listen=0.0.0.0:8443 --admin=0.0.0.0:8080 --log-level=info --tls-cert=/etc/quench/tls/tls.crt --tls-key=/etc/quench/tls/tls.key",
		"everything": "serve --policy=/etc/quench/policy.yaml --listen=[::]:8443 --admin=[::]:8080 --log-level=info,quench::live=debug --self-managed --authority-secret=authority --service=hardening --webhook-configuration=hardening --authority-lifetime=90d --leaf-lifetime=12h " +
			"--client-ca=/etc/quench/clients/ca.crt --catalog=/catalog/catalog.json",
		"registries": "serve --policy=/etc/quench/policy.yaml --listen=0.0.0.0:8443 --admin=0.0.0.0:8080 --log-level=info --self-managed --authority-secret=quench-ca --service=quench --webhook-configuration=quench --authority-lifetime=365d --leaf-lifetime=30d " +
			"--catalog=/catalog/catalog.json --registry-auth=/etc/quench/registries/config.json --registry-ca=/etc/quench/registries/ca.crt",
	} {
		if found := strings.Join(arguments(t, render(t, examples[name])), " "); found != expected {
			t.Errorf("%s: %s\nexpected: %s", name, found, expected)
		}
	}
}

// What the arguments name is where the volume has it.
func TestFilesAreMounted(t *testing.T) {
	for values, expected := range map[string][]string{
		examples(t)["default"]:      {"policy.yaml"},
		examples(t)["files"]:        {"policy.yaml", "tls/tls.crt", "tls/tls.key"},
		examples(t)["cert-manager"]: {"policy.yaml", "tls/tls.crt", "tls/tls.key"},
		examples(t)["everything"]:   {"policy.yaml", "clients/ca.crt"},
		examples(t)["registries"]:   {"policy.yaml", "registries/config.json", "registries/ca.crt"},
	} {
		objects := render(t, values)
		var named []string
		for _, argument := range arguments(t, objects) {
			if _, path, is := strings.Cut(argument, "=/etc/quench/"); is {
				named = append(named, path)
			}
		}
		same(t, "arguments", named, expected)
		mounted := []string{"policy.yaml"} // of the ConfigMap, which has no items
		for _, source := range only(t, objects, "Deployment").at("spec", "template", "spec", "volumes", 0, "projected", "sources").([]any) {
			for _, from := range source.(map[string]any) {
				items, _ := from.(map[string]any)["items"].([]any)
				for _, item := range items {
					mounted = append(mounted, item.(map[string]any)["path"].(string))
				}
			}
		}
		same(t, "mounted", mounted, expected)
	}
}

// Every certificate is asked for with a P-256 key: full handshakes matter.
func TestCertManager(t *testing.T) {
	own := render(t, examples(t)["cert-manager"])
	certificates := all(own, "Certificate")
	if len(certificates) != 2 || len(all(own, "Issuer")) != 2 {
		t.Fatal("not an authority and a certificate")
	}
	for _, certificate := range certificates {
		rotation := map[bool]string{true: "Never", false: "Always"}[certificate.at("spec", "isCA") == true]
		same(t, certificate.name(), certificate.at("spec", "privateKey"), parse(t, "{algorithm: ECDSA, size: 256, rotationPolicy: "+rotation+"}"))
	}
	leaf := certificates[slices.IndexFunc(certificates, func(found object) bool { return found.name() == "quench" })]
	same(t, "names", leaf.at("spec", "dnsNames"), parse(t, "[quench.quench.svc, quench.quench.svc.cluster.local, quench.quench]"))
	same(t, "issuer", leaf.at("spec", "issuerRef"), parse(t, "{group: cert-manager.io, kind: Issuer, name: quench-ca}"))
	same(t, "secret", leaf.at("spec", "secretName"), only(t, own, "Deployment").at("spec", "template", "spec", "volumes", 0, "projected", "sources", 1, "secret", "name"))

	// No Secret is cert-manager's in one mode and Helm's in another.
	authority := certificates[slices.IndexFunc(certificates, func(found object) bool { return found.name() == "quench-ca" })]
	signs := own[slices.IndexFunc(own, func(found object) bool { return found.kind() == "Issuer" && found.at("spec", "ca") != nil })]
	same(t, "the authority's secret", authority.at("spec", "secretName"), any("quench-issuing-ca"))
	same(t, "the issuer's secret", signs.at("spec", "ca", "secretName"), any("quench-issuing-ca"))
	same(t, "the self-managed secret", only(t, render(t, ""), "Secret").name(), "quench-ca")

	theirs := render(t, examples(t)["cert-manager-issuer"])
	if len(all(theirs, "Issuer")) != 0 {
		t.Error("an issuer beside the one that is named")
	}
	same(t, "issuer", only(t, theirs, "Certificate").at("spec", "issuerRef"), parse(t, "{group: cert-manager.io, kind: ClusterIssuer, name: internal}"))
}

func TestNetworkPolicy(t *testing.T) {
	port := func(ports ...int) []any {
		var found []any
		for _, port := range ports {
			found = append(found, map[string]any{"port": port, "protocol": "TCP"})
		}
		return found
	}
	same(t, "selfManaged", only(t, render(t, ""), "NetworkPolicy").at("spec", "egress"), any([]any{map[string]any{"ports": port(443, 6443, 8443, 16443)}}))
	for _, mode := range []string{"cert-manager", "files"} {
		policy := only(t, render(t, examples(t)[mode]), "NetworkPolicy")
		same(t, mode, policy.at("spec", "egress"), any([]any{}))
		same(t, mode, policy.at("spec", "policyTypes"), any([]any{"Ingress", "Egress"}))
		same(t, mode, policy.at("spec", "ingress"), any([]any{map[string]any{"ports": port(8443)}, map[string]any{"ports": port(8080)}}))
	}
}

// No replica is taken before another serves, but where two would fight for a node's port.
func TestRollout(t *testing.T) {
	for values, expected := range map[string]string{
		"":                                 "{type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}",
		"hostNetwork: true":                "{type: RollingUpdate, rollingUpdate: {maxUnavailable: 1, maxSurge: 0}}",
		"updateStrategy: {type: Recreate}": "{type: Recreate}",
	} {
		same(t, values, only(t, render(t, values), "Deployment").at("spec", "strategy"), parse(t, expected))
	}
	pod := only(t, render(t, "hostNetwork: true"), "Deployment")
	same(t, "dnsPolicy", pod.at("spec", "template", "spec", "dnsPolicy"), any("ClusterFirstWithHostNet"))
}

// Selectors find the pods of the webhook and no others: those of `helm test` serve nobody.
func TestSelectors(t *testing.T) {
	for name, values := range examples(t) {
		objects := render(t, values)
		deployment := only(t, objects, "Deployment")
		labels := deployment.at("spec", "template", "metadata", "labels").(map[string]any)
		test := only(t, objects, "Pod").at("metadata", "labels").(map[string]any)
		selectors := []any{deployment.at("spec", "selector", "matchLabels")}
		for _, kind := range []string{"PodDisruptionBudget", "NetworkPolicy", "Service"} {
			for _, found := range all(objects, kind) {
				selectors = append(selectors, map[string]any{
					"PodDisruptionBudget": found.at("spec", "selector", "matchLabels"),
					"NetworkPolicy":       found.at("spec", "podSelector", "matchLabels"),
					"Service":             found.at("spec", "selector"),
				}[kind])
			}
		}
		for _, constraint := range deployment.at("spec", "template", "spec", "topologySpreadConstraints").([]any) {
			selectors = append(selectors, object(constraint.(map[string]any)).at("labelSelector", "matchLabels"))
		}
		for _, selector := range selectors {
			matches := func(labels map[string]any) bool {
				for key, value := range selector.(map[string]any) {
					if labels[key] != value {
						return false
					}
				}
				return true
			}
			if !matches(labels) || matches(test) {
				t.Errorf("%s: %v", name, selector)
			}
		}
		if len(selectors) != 7 {
			t.Errorf("%s: %d selectors", name, len(selectors))
		}
	}
}

func TestImage(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0", 64)
	for values, expected := range map[string]string{
		"":                                  "ghcr.io/quench-dev/quench:0.1.0",
		"image: {repository: r/q, tag: t}":  "r/q:t",
		"image: {digest: '" + digest + "'}": "ghcr.io/quench-dev/quench:0.1.0@" + digest,
	} {
		objects := render(t, values)
		same(t, values, only(t, objects, "Deployment").at("spec", "template", "spec", "containers", 0, "image"), any(expected))
		for _, container := range only(t, objects, "Pod").at("spec", "containers").([]any) {
			same(t, values, container.(map[string]any)["image"], any(expected))
		}
	}
}

// The prefixes that pods must have follow from the policy.
func TestRequiredPrefixes(t *testing.T) {
	for values, expected := range map[string]string{
		"requireTargets: {enabled: true}":                                         `["dhi.io/"]`,
		"requireTargets: {enabled: true, prefixes: [registry.example.com/team-]}": `["dhi.io/","registry.example.com/team-"]`,
		"{requireTargets: {enabled: true}, policy: {hardened: {repository: 'docker.io/acme/dhi-{name}'}, mirrors: [{from: quay.io, to: m.example.com}, {from: docker.io, to: m.example.com/hub/}]}}": `["docker.io/acme/dhi-","m.example.com/","m.example.com/hub/"]`,
	} {
		policy := only(t, render(t, values), "ValidatingAdmissionPolicy")
		same(t, values, policy.at("spec", "variables", 0, "expression"), any(expected))
	}
	excluded := only(t, render(t, "{requireTargets: {enabled: true, excludedNamespaces: [free]}, webhook: {neverFail: [network]}}"), "ValidatingAdmissionPolicy")
	same(t, "excluded", excluded.at("spec", "matchConstraints", "namespaceSelector", "matchExpressions", 0, "values"), parse(t, "[free, network, quench]"))
	same(t, "actions", only(t, render(t, "requireTargets: {enabled: true}"), "ValidatingAdmissionPolicyBinding").at("spec", "validationActions"), parse(t, "[Warn, Audit]"))
	if found := all(render(t, ""), "ValidatingAdmissionPolicy"); len(found) != 0 {
		t.Error("without being asked")
	}
}
