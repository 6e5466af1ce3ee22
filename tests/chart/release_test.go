package chart

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// everyKind is what the chart makes, and what could be left of it.
const everyKind = "deployments,replicasets,pods,services,endpointslices,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets,resourcequotas"

const clusterKinds = "mutatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings"

// A release by Helm itself, on nodes that only exist as objects: what quench writes at run time survives upgrade and rollback,
// and nothing is left in the end.
func TestRelease(t *testing.T) {
	c := theCluster(t)
	before := c.listed(t, clusterKinds)
	c.kubectl(t, "", "create", "namespace", "quench")
	t.Cleanup(func() {
		c.tryKubectl(t, "", "delete", "mutatingwebhookconfiguration", "quench", "--ignore-not-found")
		c.tryKubectl(t, "", "delete", "namespace", "quench", "--wait=false")
	})
	c.kubectl(t, "", "wait", "--for=create", "serviceaccount/default", "configmap/kube-root-ca.crt", "-n", "quench", "--timeout=60s")
	empty := c.listed(t, everyKind, "-n", "quench")

	run := func(arguments ...string) string {
		t.Helper()
		stdout, stderr, err := helm(t, "", append(arguments, "--kubeconfig", c.kubeconfig, "--namespace", "quench")...)
		if err != nil {
			t.Fatalf("helm %v: %s%s", arguments, stdout, stderr)
		}
		return stdout
	}
	notes := run("install", "quench", chart, "--wait", "--timeout", "60s")
	if ready := c.kubectl(t, "", "get", "deployment", "quench", "-n", "quench", "-o", "jsonpath={.status.readyReplicas}"); ready != "2" {
		t.Errorf("%s replicas are ready", ready)
	}

	// As quench does: the Secret by its name, and the bundle into every entry.
	c.kubectl(t, "", "patch", "secret", "quench-ca", "-n", "quench", "-p", `{"data":{"ca.crt":"Y2E="}}`)
	entries := c.kubectl(t, "", "get", "mutatingwebhookconfiguration", "quench", "-o", "jsonpath={.webhooks[*].name}")
	for _, name := range strings.Fields(entries) {
		c.kubectl(t, "", "patch", "mutatingwebhookconfiguration", "quench", "-p", `{"webhooks":[{"name":"`+name+`","clientConfig":{"caBundle":"`+bundle+`"}}]}`)
	}
	kept := func(when string) {
		t.Helper()
		if found := c.kubectl(t, "", "get", "secret", "quench-ca", "-n", "quench", "-o", `jsonpath={.data.ca\.crt}`); found != "Y2E=" {
			t.Errorf("%s: the Secret holds %q", when, found)
		}
		bundles := strings.Fields(c.kubectl(t, "", "get", "mutatingwebhookconfiguration", "quench", "-o", "jsonpath={.webhooks[*].clientConfig.caBundle}"))
		if len(bundles) != 9 || slices.ContainsFunc(bundles, func(found string) bool { return found != bundle }) {
			t.Errorf("%s: caBundle %q", when, bundles)
		}
	}
	mode := func() string {
		return c.kubectl(t, "", "get", "configmap", "quench", "-n", "quench", "-o", `jsonpath={.data.policy\.yaml}`)
	}
	kept("at first")
	run("upgrade", "quench", chart, "--wait", "--timeout", "60s", "--set", "policy.mode=enforce,anonymousPull=true,replicaCount=3,webhook.timeoutSeconds=2,policy.workloads.Job=off")
	kept("after an upgrade")
	if !strings.Contains(mode(), "mode: enforce") {
		t.Error(mode())
	}
	run("rollback", "quench", "1", "--wait", "--timeout", "60s")
	kept("after a rollback")
	if !strings.Contains(mode(), "mode: warn") {
		t.Error(mode())
	}

	// What quench wrote is quench's: Helm takes it over when it is told to.
	files := []string{"upgrade", "quench", chart, "--wait", "--timeout", "60s", "--values", chart + "/ci/files-values.yaml"}
	if _, stderr, err := helm(t, "", append(files, "--kubeconfig", c.kubeconfig, "--namespace", "quench")...); err == nil || !strings.Contains(stderr, "caBundle") {
		t.Errorf("no conflict: %s", stderr)
	}
	run(append(files, "--force-conflicts")...)
	given := only(t, render(t, examples(t)["files"]), "MutatingWebhookConfiguration").at("webhooks", 0, "clientConfig", "caBundle")
	if found := c.kubectl(t, "", "get", "mutatingwebhookconfiguration", "quench", "-o", "jsonpath={.webhooks[0].clientConfig.caBundle}"); found != given {
		t.Errorf("caBundle %q instead of %q", found, given)
	}

	t.Run("notes", func(t *testing.T) { theNotesFindMissingSecrets(t, c, notes) })

	run("uninstall", "quench", "--wait", "--timeout", "60s")
	eventually(t, "end of everything", func() bool { return slices.Equal(c.listed(t, everyKind, "-n", "quench"), empty) })
	if after := c.listed(t, clusterKinds); !slices.Equal(after, before) {
		t.Errorf("left: %v", slices.DeleteFunc(after, func(found string) bool { return slices.Contains(before, found) }))
	}
}

// bundle is a caBundle that the API server takes: base64 of a certificate in PEM.
const bundle = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJkekNDQVIyZ0F3SUJBZ0lCQVRBS0JnZ3Foa2pPUFFRREFqQVBNUTB3Q3dZRFZRUURFd1IwWlhOMAotLS0tLUVORCBDRVJUSUZJQ0FURS0tLS0tCg=="

func (c *cluster) listed(t *testing.T, kinds string, flags ...string) []string {
	t.Helper()
	names := strings.Fields(c.kubectl(t, "", append([]string{"get", kinds, "-o", "name"}, flags...)...))
	slices.Sort(names)
	return names
}

// theNotesFindMissingSecrets runs the command that NOTES.txt prints, as it stands there.
func theNotesFindMissingSecrets(t *testing.T, c *cluster, notes string) {
	_, after, found := strings.Cut(notes, "Where is it missing?\n")
	if !found {
		t.Fatal(notes)
	}
	command, _, found := strings.Cut(strings.TrimSpace(after), "\n\n")
	if !found || !strings.HasPrefix(command, "comm ") {
		t.Fatal(after)
	}
	for namespace, secret := range map[string]string{"supplied": "dhi-pull-secret", "lacking": "another"} {
		c.kubectl(t, "", "create", "namespace", namespace)
		t.Cleanup(func() { c.tryKubectl(t, "", "delete", "namespace", namespace, "--wait=false") })
		c.kubectl(t, "", "create", "secret", "generic", secret, "-n", namespace)
	}
	script := "kubectl() { \"$K8S\" kubectl \"$@\"; }\n" + command
	bash := exec.Command("bash", "-euo", "pipefail", "-c", script)
	bash.Env = append(bash.Environ(), "KUBECONFIG="+c.kubeconfig, "K8S="+program(t, "k8s", "tests/cluster/build"))
	said, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%s", command, said)
	}
	missing := strings.Fields(string(said))
	if !slices.Contains(missing, "default") || !slices.Contains(missing, "lacking") || slices.Contains(missing, "supplied") {
		t.Errorf("%s\n%v", command, missing)
	}
}
