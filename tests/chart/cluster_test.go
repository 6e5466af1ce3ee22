package chart

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take that controllers do; the machine may be busy.
const patience = 60 * time.Second

// cluster is Kubernetes on loopback, with nodes of kwok; it runs from the first test that asks for it to the last.
type cluster struct {
	kubeconfig string
}

var (
	started  sync.Once
	shared   *cluster
	stopping []func()
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, stop := range stopping {
		stop()
	}
	os.Exit(code)
}

func theCluster(t *testing.T) *cluster {
	t.Helper()
	started.Do(func() { shared = startCluster(t) })
	if shared == nil {
		t.Fatal("no cluster")
	}
	return shared
}

func startCluster(t *testing.T, environment ...string) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "quench-chart-")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program(t, "k8s", "tests/cluster/build"), "control-plane", "--dir", dir, "--nodes", "3")
	command.Env = append(os.Environ(), environment...)
	var log bytes.Buffer
	command.Stderr = &log
	stdin, err := command.StdinPipe() // its end is the sign to stop
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stopping = append(stopping, func() {
		stdin.Close()
		command.Wait()
		os.RemoveAll(dir)
	})
	line, _ := bufio.NewReader(stdout).ReadBytes('\n')
	var ready struct{ Kubeconfig string }
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatalf("the control plane does not start: %s", log.String())
	}
	started := &cluster{kubeconfig: ready.Kubeconfig}
	definitions, err := os.ReadFile("definitions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	started.kubectl(t, string(definitions), "apply", "-f", "-")
	started.kubectl(t, "", "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
	started.kubectl(t, "", "create", "priorityclass", "high", "--value=1000")
	return started
}

// tryKubectl runs kubectl, whatever comes of it.
func (c *cluster) tryKubectl(t *testing.T, stdin string, arguments ...string) (stdout, stderr string, err error) {
	t.Helper()
	command := exec.Command(program(t, "k8s", "tests/cluster/build"), append([]string{"kubectl"}, arguments...)...)
	command.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig, "KUBERC=off")
	command.Stdin = strings.NewReader(stdin)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = command.Run()
	return out.String(), said.String(), err
}

// kubectl runs kubectl; it must succeed.
func (c *cluster) kubectl(t *testing.T, stdin string, arguments ...string) string {
	t.Helper()
	stdout, stderr, err := c.tryKubectl(t, stdin, arguments...)
	if err != nil {
		t.Fatalf("kubectl %s: %s\n%s", strings.Join(arguments, " "), stderr, stdin)
	}
	return stdout
}

// namespace makes a namespace that holds pods to a level of Pod Security, for the length of a test.
func (c *cluster) namespace(t *testing.T, name, level string) {
	t.Helper()
	c.kubectl(t, "", "create", "namespace", name)
	c.kubectl(t, "", "label", "namespace", name, "pod-security.kubernetes.io/enforce="+level, "pod-security.kubernetes.io/warn="+level)
	t.Cleanup(func() { c.tryKubectl(t, "", "delete", "namespace", name, "--wait=false") })
	c.kubectl(t, "", "wait", "--for=create", "serviceaccount/default", "--namespace", name, "--timeout=60s")
}

func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for start := time.Now(); time.Since(start) < patience; time.Sleep(100 * time.Millisecond) {
		if ask() {
			return
		}
	}
	t.Fatalf("no %s within %s", what, patience)
}

// Every documented values file is accepted as it is, without a warning, in a namespace of the restricted level.
func TestTheServerAcceptsEveryExample(t *testing.T) {
	c := theCluster(t)
	for name, values := range examples(t) {
		t.Run(name, func(t *testing.T) {
			namespace, level := "quench-"+name, "restricted"
			if name == "private-control-plane" {
				level = "privileged" // the network of nodes is for trusted pods
			}
			c.namespace(t, namespace, level)
			text, err := tryRender(t, values, "--namespace", namespace)
			if err != nil {
				t.Fatal(err)
			}
			objects := documents(t, text)
			apply := []string{"apply", "--dry-run=server", "--validate=strict", "-f", "-"}
			account := only(t, objects, "ServiceAccount")
			c.kubectl(t, asJSON(t, account), "apply", "-f", "-")
			stdout, stderr, err := c.tryKubectl(t, text, apply...)
			if err != nil || stderr != "" {
				t.Fatalf("%s%s", stdout, stderr)
			}
			if answers := strings.Count(stdout, "(server dry run)"); answers != len(objects) {
				t.Errorf("%d answers for %d objects", answers, len(objects))
			}
			pod := only(t, objects, "Deployment").at("spec", "template").(map[string]any)
			pod["apiVersion"], pod["kind"] = "v1", "Pod"
			pod["metadata"].(map[string]any)["name"] = "webhook"
			if said, stderr, err := c.tryKubectl(t, asJSON(t, pod), append(apply, "--namespace", namespace)...); err != nil || stderr != "" {
				t.Errorf("%s%s", said, stderr)
			}
		})
	}
}

func TestTheRestrictedLevelForbidsTheNodesNetwork(t *testing.T) {
	c := theCluster(t)
	c.namespace(t, "quench-host", "restricted")
	text, err := tryRender(t, "hostNetwork: true", "--namespace", "quench-host", "--show-only", "templates/deployment.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, stderr, _ := c.tryKubectl(t, text, "apply", "--dry-run=server", "-f", "-")
	if !strings.Contains(stderr, "would violate PodSecurity") || !strings.Contains(stderr, "hostNetwork") {
		t.Error(stderr)
	}
}

func asJSON(t *testing.T, object any) string {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Pods of other registries are refused, whoever makes them; what was there before can still be labelled and debugged.
func TestRequireTargets(t *testing.T) {
	c := theCluster(t)
	c.namespace(t, "shop", "privileged")
	c.namespace(t, "free", "privileged")
	pod := func(name string, images ...string) string {
		spec := map[string]any{"containers": []any{map[string]any{"name": "a", "image": images[0]}}}
		if len(images) > 1 {
			spec["initContainers"] = []any{map[string]any{"name": "b", "image": images[1]}}
		}
		if len(images) > 2 {
			spec["volumes"] = []any{map[string]any{"name": "c", "image": map[string]any{"reference": images[2]}}}
		}
		return asJSON(t, map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name}, "spec": spec})
	}
	c.kubectl(t, pod("old", "docker.io/library/nginx:1"), "create", "-n", "shop", "-f", "-")

	values := "{requireTargets: {enabled: true, prefixes: [registry.example.com/team-], excludedNamespaces: [free], validationActions: [Deny]}}"
	text, err := tryRender(t, values, "--show-only", "templates/requiretargets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, text, "apply", "-f", "-")
	t.Cleanup(func() { c.kubectl(t, text, "delete", "-f", "-") })
	create := func(namespace string, images ...string) (string, error) {
		_, stderr, err := c.tryKubectl(t, pod("p", images...), "create", "--dry-run=server", "-n", namespace, "-f", "-")
		return stderr, err
	}
	const target, other = "dhi.io/nginx:1", "docker.io/library/nginx:1"
	eventually(t, "refusal", func() bool {
		_, err := create("shop", other)
		return err != nil
	})
	for _, images := range [][]string{{other}, {target, other}, {target, target, other}, {"dhi.io.evil.example/a"}, {"nginx"}} {
		stderr, err := create("shop", images...)
		refused := images[len(images)-1]
		if err == nil || !strings.Contains(stderr, "images must begin with dhi.io/ or registry.example.com/team-; not: "+refused+"\n") {
			t.Errorf("%v: %s", images, stderr)
		}
	}
	for _, images := range [][]string{{target}, {target, target, target}, {"registry.example.com/team-a/b:1"}} {
		if stderr, err := create("shop", images...); err != nil {
			t.Errorf("%v: %s", images, stderr)
		}
	}
	if stderr, err := create("free", other); err != nil {
		t.Error(stderr)
	}
	c.kubectl(t, "", "label", "pod", "old", "-n", "shop", "a=b")
	if _, stderr, err := c.tryKubectl(t, "", "set", "image", "pod/old", "a=quay.io/a/b:1", "-n", "shop"); err == nil {
		t.Error("another image on an update", stderr)
	}
	c.kubectl(t, "", "debug", "old", "-n", "shop", "--image", target, "--container", "d", "--profile", "general")
	if _, stderr, err := c.tryKubectl(t, "", "debug", "old", "-n", "shop", "--image", "quay.io/a/b:1", "--profile", "general"); err == nil {
		t.Error("another image for debugging", stderr)
	}
}

// What docs/install.md says of rights is what the API server grants: named objects, nothing else.
func TestRightsInTheCluster(t *testing.T) {
	c := theCluster(t)
	c.namespace(t, "rights", "restricted")
	text, err := tryRender(t, "", "--namespace", "rights", "--show-only", "templates/rbac.yaml", "--show-only", "templates/serviceaccount.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, text, "apply", "-f", "-")
	t.Cleanup(func() { c.kubectl(t, text, "delete", "--ignore-not-found", "-f", "-") })
	account := "--as=system:serviceaccount:rights:quench"
	can := func(arguments ...string) bool {
		_, _, err := c.tryKubectl(t, "", append([]string{"auth", "can-i", account, "-n", "rights"}, arguments...)...)
		return err == nil
	}
	for _, allowed := range [][]string{{"get", "secret/quench-ca"}, {"patch", "secret/quench-ca"}, {"get", "mutatingwebhookconfiguration/quench"}, {"patch", "mutatingwebhookconfiguration/quench"}} {
		if !can(allowed...) {
			t.Error("may not ", allowed)
		}
	}
	for _, refused := range [][]string{{"get", "secrets"}, {"list", "secrets"}, {"create", "secrets"}, {"get", "secret/other"}, {"delete", "secret/quench-ca"}, {"update", "secret/quench-ca"}, {"update", "mutatingwebhookconfiguration/quench"}, {"get", "secret/quench-ca", "-n", "shop"}, {"list", "mutatingwebhookconfigurations"}, {"create", "mutatingwebhookconfigurations"}, {"delete", "mutatingwebhookconfiguration/quench"}, {"get", "pods"}, {"get", "configmap/quench"}} {
		if can(refused...) {
			t.Error("may ", refused)
		}
	}
	// What is listed beyond what any account may is what docs/install.md shows.
	listed := func(account string) map[string]bool {
		lines := map[string]bool{}
		for line := range strings.Lines(c.kubectl(t, "", "auth", "can-i", "--list", "--no-headers", "--as=system:serviceaccount:rights:"+account, "-n", "rights")) {
			lines[strings.Join(strings.Fields(line), " ")] = true
		}
		return lines
	}
	others, documentation := listed("default"), documented(t, "mutatingwebhookconfigurations")
	for line := range listed("quench") {
		if !others[line] && !documentation[line] {
			t.Error("docs/install.md does not promise: ", line)
		}
		delete(documentation, line)
	}
	if len(documentation) != 0 {
		t.Error("docs/install.md promises more: ", documentation)
	}

	// With pull secrets that are copied, those lines as well.
	more, err := tryRender(t, "policy: {pullSecrets: [{name: dhi-pull-secret, registries: [dhi.io], propagate: {namespaces: [shop]}}]}", "--namespace", "rights", "--show-only", "templates/pullsecrets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before := listed("quench")
	c.kubectl(t, more, "apply", "-f", "-")
	t.Cleanup(func() { c.kubectl(t, more, "delete", "--ignore-not-found", "-f", "-") })
	documentation = documented(t, "namespaces   ")
	for line := range listed("quench") {
		if !before[line] && !documentation[line] {
			t.Error("docs/install.md does not promise: ", line)
		}
		delete(documentation, line)
	}
	if len(documentation) != 0 {
		t.Error("docs/install.md promises more: ", documentation)
	}

	// A Secret that somebody deleted can be made anew, by server-side apply: its right to create is for the one name as well.
	secret := func(name string) string {
		return fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: rights}}", name)
	}
	c.kubectl(t, "", "delete", "secret", "quench-ca", "-n", "rights")
	c.kubectl(t, secret("quench-ca"), "apply", "--server-side", account, "-f", "-")
	if _, stderr, err := c.tryKubectl(t, secret("other"), "apply", "--server-side", account, "-f", "-"); err == nil {
		t.Error("another Secret was made", stderr)
	}
}

// documented are the lines of `kubectl auth can-i --list` in the block of docs/install.md that begins so.
func documented(t *testing.T, first string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(root + "/docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```\n"+first)
	block, _, found := strings.Cut(block, "```")
	if !found {
		t.Fatal("docs/install.md lists no rights")
	}
	lines := map[string]bool{}
	for line := range strings.Lines(first + block) {
		lines[strings.Join(strings.Fields(line), " ")] = true
	}
	return lines
}

func tempFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
