package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docker answers what kind asks before it makes a node, and nothing more: no engine runs here.
const docker = `#!/bin/sh
case "$*" in
  -v) echo "Docker version 29.0.0, build 0" ;;
  "info --format {{json .}}") echo '{"CgroupVersion":"2","MemoryLimit":true,"PidsLimit":true,"CPUShares":true}' ;;
  inspect*--type=image*) echo "[]" ;;
  "network ls"*) ;;
  "network create"*) ;;
  run*) echo "the config was taken: $*" >&2; exit 7 ;;
  *) ;;
esac
`

// kindTakes is what kind says of a config, once it has read it or made its way to the first container.
func kindTakes(t *testing.T, config string) (string, bool) {
	t.Helper()
	path := tempFile(t, "docker", docker)
	command := exec.Command(program(t, "kind", "tests/cluster/tools/build"), "create", "cluster", "--name", "quench-e2e", "--config", config, "--kubeconfig", filepath.Join(t.TempDir(), "kubeconfig"))
	command.Env = append(os.Environ(), "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"), "KIND_EXPERIMENTAL_PROVIDER=docker")
	command.Dir = root
	said, err := command.CombinedOutput()
	if err == nil {
		t.Fatal("kind made a cluster")
	}
	return string(said), strings.Contains(string(said), "the config was taken")
}

// kind's own loader and checks take the config of kind.sh, with the mounts that it needs, and would not take a wrong one.
func TestKindTakesTheConfig(t *testing.T) {
	said, taken := kindTakes(t, "tests/e2e/kind.yaml")
	if !taken {
		t.Fatal(said)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, mount := range []string{"/tests/e2e/audit-policy.yaml:/etc/kubernetes/audit/policy.yaml:ro", "/target/kind:/var/log/kubernetes"} {
		if !strings.Contains(said, absolute+mount) {
			t.Errorf("%s is not mounted: %s", mount, said)
		}
	}
	text, err := os.ReadFile(root + "/tests/e2e/kind.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for right, wrong := range map[string]string{"kubeadmConfigPatches": "kubeadmConfigPatch", "role: control-plane": "role: worker", "v1alpha4": "v1alpha9"} {
		spoilt := tempFile(t, "kind.yaml", strings.Replace(string(text), right, wrong, 1))
		if said, taken := kindTakes(t, spoilt); taken {
			t.Errorf("%s was taken: %s", wrong, said)
		}
	}
}

// recorder stands for a program: it notes how it was called.
const recorder = `#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
case "$(basename "$0") $*" in
  "docker network inspect"*) printf 'fc00::1\n172.18.0.1\n' ;;
  "kubectl port-forward"*) echo Forwarding; sleep 5 ;;
  "kubectl run"*) echo dhi.io/nginx:1.31.4 ;;
  "cargo test"*) env | grep ^QUENCH_VISIT_ | sort >>"$CALLS" ;;
esac
`

// kind.sh and tests/run execute the one list of cases: the same test, whole.
func TestKindRunsTheSameCases(t *testing.T) {
	const cases = "cargo test --release --test cluster"
	run, err := os.ReadFile(root + "/tests/run")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^ *` + cases + `$`).Match(run) {
		t.Errorf("tests/run does not run `%s`", cases)
	}

	setUp := `docker build --tag quench.local/quench:e2e .
kind create cluster --name quench-e2e --config tests/e2e/kind.yaml --kubeconfig WORK/kubeconfig --wait 180s
kind load docker-image quench.local/quench:e2e --name quench-e2e
helm install quench charts/quench --namespace quench-system --create-namespace --values tests/e2e/values.yaml --wait --timeout 120s
helm test quench --namespace quench-system
`
	const takeAway = "helm uninstall quench --namespace quench-system --wait\n"
	const clean = "kind delete cluster --name quench-e2e\n"
	whole := `kubectl port-forward --namespace quench-system service/quench-metrics 18080:8080
docker network inspect kind --format {{range .IPAM.Config}}{{println .Gateway}}{{end}}
build ` + `
` + cases + `
QUENCH_VISIT_AUDIT=ROOT/target/kind/audit.jsonl
QUENCH_VISIT_HOST=172.18.0.1
QUENCH_VISIT_KUBECONFIG=WORK/kubeconfig
QUENCH_VISIT_METRICS=127.0.0.1:18080
`
	installed := "kubectl run web --image nginx:1.31.4 --dry-run=server --output jsonpath={.spec.containers[0].image}\n"
	for options, expected := range map[string]string{
		"":                      setUp + whole + takeAway + clean,
		"--keep":                setUp + whole + takeAway,
		"--install-only":        setUp + installed + takeAway + clean,
		"--install-only --keep": setUp + installed + takeAway,
	} {
		if found := callsOf(t, strings.Fields(options)...); found != expected {
			t.Errorf("%s: %s\nexpected:\n%s", options, found, expected)
		}
	}
}

// callsOf are the programs that kind.sh runs, as lines.
func callsOf(t *testing.T, options ...string) string {
	t.Helper()
	// A copy, so that what it builds is a recorder as well.
	copied := t.TempDir()
	for _, path := range []string{"tests/e2e/kind.sh", "tests/e2e/kind.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(copied, path), string(text))
	}
	calls := filepath.Join(copied, "calls")
	for _, name := range []string{"bin/docker", "bin/kind", "bin/helm", "bin/kubectl", "bin/cargo", "bin/go", "tests/cluster/build"} {
		write(t, filepath.Join(copied, name), recorder)
	}
	command := exec.Command(filepath.Join(copied, "tests/e2e/kind.sh"), options...)
	command.Env = append(os.Environ(), "PATH="+copied+"/bin:"+os.Getenv("PATH"), "CALLS="+calls, "TMPDIR="+copied)
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %s", err, said)
	}
	// The kubeconfig that the script wrote is gone by then.
	if strings.Contains(string(said), "kept: kind export kubeconfig --name quench-e2e, then kubectl") != slices.Contains(options, "--keep") {
		t.Errorf("%v: %s", options, said)
	}
	text, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(regexp.QuoteMeta(copied)+`/tmp\.\w+`).ReplaceAllString(string(text), "WORK")
	return strings.ReplaceAll(found, copied, "ROOT")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestScripts(t *testing.T) {
	for _, script := range []string{"tests/e2e/kind.sh", "tests/chart/run", "tests/cluster/tools/build"} {
		if said, err := exec.Command("shellcheck", filepath.Join(root, script)).CombinedOutput(); err != nil {
			t.Errorf("%s: %s%s", script, err, said)
		}
	}
}

// The workflows are right by what is known of GitHub's, their scripts by shellcheck.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(root + "/.github/workflows/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	if said, err := exec.Command("go", append([]string{"tool", "actionlint", "-no-color"}, files...)...).CombinedOutput(); err != nil {
		t.Errorf("%s%s", err, said)
	}
}
