package chart

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// quench with the arguments of the Deployment and the rights of its account, and no others, gets ready, is trusted by every entry,
// and brings back a Secret that somebody deleted.
func TestSelfManagedWithTheRightsOfTheChart(t *testing.T) {
	c := theCluster(t)
	const namespace = "self-managed"
	c.namespace(t, namespace, "restricted")
	text, err := tryRender(t, "fullnameOverride: hardening", "--namespace", namespace,
		"--show-only", "templates/rbac.yaml", "--show-only", "templates/serviceaccount.yaml", "--show-only", "templates/webhook.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, text, "apply", "-f", "-")
	t.Cleanup(func() { c.kubectl(t, text, "delete", "--ignore-not-found", "-f", "-") })

	free := func() string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		return listener.Addr().String()
	}
	admin, policy := free(), tempFile(t, "policy.yaml", "{apiVersion: quench.dev/v1alpha1, kind: Policy, mode: warn}")
	var flags []string
	for _, flag := range arguments(t, render(t, "fullnameOverride: hardening", "--namespace", namespace)) {
		switch name, _, _ := strings.Cut(flag, "="); name {
		case "--policy":
			flag = "--policy=" + policy
		case "--listen":
			flag = "--listen=127.0.0.1:0"
		case "--admin":
			flag = "--admin=" + admin
		}
		flags = append(flags, flag)
	}
	log, err := os.Create(tempFile(t, "log", ""))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(quenchPath(t), flags...)
	command.Env = append(os.Environ(), "POD_NAMESPACE="+namespace, "KUBECONFIG="+c.kubeconfigOf(t, namespace, "hardening"))
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if said, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Log(string(said))
		}
	})

	eventually(t, "readiness", func() bool {
		answer, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	authority := func() string {
		return c.kubectl(t, "", "get", "secret", "hardening-ca", "-n", namespace, "--ignore-not-found", "-o", `jsonpath={.data.ca\.crt}`)
	}
	made := authority()
	bundles := strings.Fields(c.kubectl(t, "", "get", "mutatingwebhookconfiguration", "hardening", "-o", "jsonpath={.webhooks[*].clientConfig.caBundle}"))
	if len(bundles) != 9 {
		t.Errorf("%d entries have a caBundle", len(bundles))
	}
	for _, bundle := range bundles {
		if made == "" || bundle != made {
			t.Errorf("caBundle %q, but the Secret says %q", bundle, made)
		}
	}
	c.kubectl(t, "", "delete", "secret", "hardening-ca", "-n", namespace)
	eventually(t, "the Secret again", func() bool { return authority() == made })
}

// kubeconfigOf is a kubeconfig with the rights of a service account.
func (c *cluster) kubeconfigOf(t *testing.T, namespace, account string) string {
	t.Helper()
	token := strings.TrimSpace(c.kubectl(t, "", "create", "token", account, "-n", namespace))
	field := func(path string) string {
		return c.kubectl(t, "", "config", "view", "--raw", "--flatten", "-o", "jsonpath={"+path+"}")
	}
	return tempFile(t, "kubeconfig", fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: a,
contexts: [{name: a, context: {cluster: a, user: a}}], users: [{name: a, user: {token: %q}}],
clusters: [{name: a, cluster: {server: %q, certificate-authority-data: %q}}]}`,
		token, field(".clusters[0].cluster.server"), field(".clusters[0].cluster.certificate-authority-data")))
}
