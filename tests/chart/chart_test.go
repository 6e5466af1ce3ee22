// Package chart tests charts/quench: what it renders, what it refuses, and what a real API server says to it.
package chart

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	root  = "../.."
	chart = root + "/charts/quench"
	bin   = root + "/tests/cluster/bin"
)

var update = flag.Bool("update", false, "write the snapshots anew, for `git diff` to show")

// object is one document of what the chart renders.
type object map[string]any

func (o object) kind() string { return o["kind"].(string) }
func (o object) name() string { return o.at("metadata", "name").(string) }

// at is the value below keys and indices; nil where something of it is absent.
func (o object) at(path ...any) any {
	var found any = map[string]any(o)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			fields, is := found.(map[string]any)
			if !is {
				return nil
			}
			found = fields[step]
		case int:
			items, is := found.([]any)
			if !is || step >= len(items) {
				return nil
			}
			found = items[step]
		}
	}
	return found
}

// program is one of the programs that tests/cluster builds.
func program(t *testing.T, name, how string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(bin, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing: run %s", path, how)
	}
	return path
}

// helm runs Helm as if nobody had configured it.
func helm(t *testing.T, stdin string, arguments ...string) (stdout, stderr string, err error) {
	t.Helper()
	command := exec.Command(program(t, "helm", "tests/cluster/tools/build"), arguments...)
	home := t.TempDir()
	command.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "HELM_CACHE_HOME=" + home, "HELM_CONFIG_HOME=" + home, "HELM_DATA_HOME=" + home}
	command.Stdin = strings.NewReader(stdin)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	err = command.Run()
	return out.String(), said.String(), err
}

// tryRender renders the chart as release `quench` in namespace `quench` with values as YAML.
func tryRender(t *testing.T, values string, flags ...string) (string, error) {
	t.Helper()
	arguments := append([]string{"template", "quench", chart, "--namespace", "quench", "--values", "-"}, flags...)
	stdout, stderr, err := helm(t, values, arguments...)
	if err != nil {
		return "", errors.New(stderr)
	}
	return stdout, nil
}

func render(t *testing.T, values string, flags ...string) []object {
	t.Helper()
	text, err := tryRender(t, values, flags...)
	if err != nil {
		t.Fatalf("%s\n%s", values, err)
	}
	return documents(t, text)
}

func documents(t *testing.T, text string) []object {
	t.Helper()
	var objects []object
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var next map[string]any // not object: maps inside would be objects as well
		err := decoder.Decode(&next)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%s\n%s", err, text)
		}
		if next != nil {
			objects = append(objects, next)
		}
	}
}

// only is the one object of a kind.
func only(t *testing.T, objects []object, kind string) object {
	t.Helper()
	found := all(objects, kind)
	if len(found) != 1 {
		t.Fatalf("%d objects of kind %s", len(found), kind)
	}
	return found[0]
}

func all(objects []object, kind string) []object {
	var found []object
	for _, object := range objects {
		if object.kind() == kind {
			found = append(found, object)
		}
	}
	return found
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var parsed any
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatalf("%s\n%s", err, text)
	}
	return parsed
}

// same compares whole values, and shows both where they differ.
func same(t *testing.T, what string, found, expected any) {
	t.Helper()
	if !reflect.DeepEqual(found, expected) {
		t.Errorf("%s:\n%s\nexpected:\n%s", what, shown(found), shown(expected))
	}
}

func shown(value any) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// examples are the documented values files, by name.
func examples(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(chart + "/ci/*-values.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no values files in ", chart, "/ci")
	}
	found := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(path), "-values.yaml")] = string(text)
	}
	return found
}

func TestGeneratedFilesAreCurrent(t *testing.T) {
	if said, err := exec.Command("go", "run", "./generate", "--check").CombinedOutput(); err != nil {
		t.Fatal(string(said))
	}
}

func TestLint(t *testing.T) {
	for name := range examples(t) {
		stdout, stderr, err := helm(t, "", "lint", "--strict", chart, "--values", fmt.Sprintf("%s/ci/%s-values.yaml", chart, name))
		if err != nil {
			t.Errorf("%s: %s%s", name, stdout, stderr)
		}
	}
}

// Each documented values file has a snapshot of what it makes: a change of the chart shows what it changes.
func TestSnapshots(t *testing.T) {
	for name, values := range examples(t) {
		text, err := tryRender(t, values)
		if err != nil {
			t.Errorf("%s: %s", name, err)
			continue
		}
		path := fmt.Sprintf("snapshots/%s.yaml", name)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		snapshot, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s: run tests/chart/run --update, and read what it writes", err)
		} else if string(snapshot) != text {
			t.Errorf("%s differs from what the chart renders, from line %d: run tests/chart/run --update, and read the difference", path, firstDifference(string(snapshot), text))
		}
	}
	paths, _ := filepath.Glob("snapshots/*.yaml")
	if len(paths) != len(examples(t)) {
		t.Errorf("%d snapshots of %d values files", len(paths), len(examples(t)))
	}
}

func firstDifference(one, other string) int {
	lines, others := strings.Split(one, "\n"), strings.Split(other, "\n")
	for i, line := range lines {
		if i >= len(others) || line != others[i] {
			return i + 1
		}
	}
	return len(lines) + 1
}

func TestKubernetesVersions(t *testing.T) {
	for version, accepted := range map[string]bool{"1.29.9": false, "1.30.0": true, "1.30.4-gke.100": true, "1.37.1": true, "1.40.0": true} {
		if _, err := tryRender(t, "", "--kube-version", version); (err == nil) != accepted {
			t.Errorf("Kubernetes %s: %v", version, err)
		}
	}
}
