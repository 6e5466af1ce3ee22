package chart

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// The rights for pull secrets are those that docs/pull-secrets.md shows, for the names in the policy, and there are none without.
func TestRightsForPullSecrets(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/pull-secrets.md")
	if err != nil {
		t.Fatal(err)
	}
	const start = "apiVersion: rbac.authorization.k8s.io/v1\n"
	_, block, _ := strings.Cut(string(text), "```yaml\n"+start)
	block, _, found := strings.Cut(block, "```")
	if !found {
		t.Fatal("docs/pull-secrets.md shows no rights")
	}
	shown := documents(t, start+block)
	secret := func(rest string) string {
		return "{certificates: {mode: certManager}, policy: {pullSecrets: [{name: dhi-pull-secret, registries: [dhi.io]" + rest + "}]}}"
	}
	look := map[string]any{"apiGroups": []any{""}, "resources": []any{"secrets"}, "resourceNames": []any{"dhi-pull-secret"}, "verbs": []any{"list", "watch"}}
	for values, rules := range map[string]any{
		secret(", propagate: {namespaces: [shop]}"):                shown[0]["rules"],
		secret(", propagate: {namespaces: []}"):                    shown[0]["rules"],
		secret(", check: true, propagate: {selector: {a: b}}"):     shown[0]["rules"],
		secret(", check: true"):                                    []any{look},
		secret(", check: false"):                                   nil,
		secret(""):                                                 nil,
		"{certificates: {mode: certManager}, policy: {mode: off}}": nil,
	} {
		found := map[string]object{}
		for _, one := range render(t, values) {
			found[one.kind()] = one
		}
		if !reflect.DeepEqual(found["ClusterRole"]["rules"], rules) {
			t.Errorf("%s: %v, not %v", values, found["ClusterRole"]["rules"], rules)
		}
		asks := rules != nil
		for _, field := range []string{"roleRef", "subjects"} {
			if bound := found["ClusterRoleBinding"][field]; asks && !reflect.DeepEqual(bound, shown[1][field]) {
				t.Errorf("%s: %v, not %v", values, bound, shown[1][field])
			}
		}
		copies := asks && strings.Contains(values, "propagate")
		if policy, expected := found["ValidatingAdmissionPolicy"]["spec"], map[bool]any{true: shown[2]["spec"], false: nil}[copies]; !reflect.DeepEqual(policy, expected) {
			t.Errorf("%s: %v, not %v", values, policy, expected)
		}
		if binding, expected := found["ValidatingAdmissionPolicyBinding"]["spec"], map[bool]any{true: shown[3]["spec"], false: nil}[copies]; !reflect.DeepEqual(binding, expected) {
			t.Errorf("%s: %v, not %v", values, binding, expected)
		}
		egress := found["NetworkPolicy"].at("spec", "egress").([]any)
		if found["Deployment"].at("spec", "template", "spec", "automountServiceAccountToken") != asks || (len(egress) != 0) != asks {
			t.Errorf("%s: the way to the API server", values)
		}
	}
}
