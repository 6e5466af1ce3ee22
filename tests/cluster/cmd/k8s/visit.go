package main

import (
	"bytes"
	"context"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"quench.dev/tests/cluster/internal/pki"
	"quench.dev/tests/cluster/internal/supervisor"
)

func init() { programs["visit"] = runVisit }

// visitLabel is on the nodes that a visit brings along: kwok leaves the others to their kubelets.
const visitLabel = "quench.test/visiting"

// visit makes a cluster that runs already, such as kind's, like the one that control-plane starts: it brings nodes along that run
// every pod at once, and a certificate for webhooks on this machine. It prints the same line.
type visit struct {
	dir        string
	binary     string
	kubeconfig string
	nodes      []string
	programs   *supervisor.Supervisor
}

func runVisit() int {
	runtime.LockOSThread() // see supervisor.Supervisor
	flags := flag.NewFlagSet("visit", flag.ExitOnError)
	dir := flags.String("dir", "", "an empty folder for everything it writes")
	kubeconfig := flags.String("kubeconfig", "", "whom to visit, as administrator")
	host := flags.String("host", "", "the address at which its API server reaches this machine")
	audit := flags.String("audit", "", "its audit log")
	nodes := flags.Int("nodes", 0, "how many of kwok's nodes to add")
	podsANode := flags.Int("pods-a-node", 110, "how many pods such a node takes")
	flags.Parse(os.Args[1:]) //nolint:errcheck // ExitOnError
	binary, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	v := &visit{dir: *dir, binary: binary, programs: supervisor.New(*dir, binary)}
	for i := range *nodes {
		v.nodes = append(v.nodes, fmt.Sprintf("node-%d", i+1))
	}
	if err := v.serve(*kubeconfig, *host, *audit, *podsANode); err != nil {
		return fail(err)
	}
	return 0
}

func (v *visit) serve(kubeconfig, host, audit string, podsANode int) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // either way it has ended
		stop()
	}()
	served, err := v.prepare(kubeconfig, host, audit)
	if err == nil {
		err = v.startNodes(podsANode)
	}
	if err == nil {
		err = errors.Join(json.NewEncoder(os.Stdout).Encode(served), v.programs.Run(ctx))
	}
	_, leaving := v.kubectl("", append([]string{"delete", "node", "--ignore-not-found", "--wait=false"}, v.nodes...)...)
	return errors.Join(err, leaving, v.programs.Stop())
}

// prepare writes the files that the tests look for.
func (v *visit) prepare(kubeconfig, host, audit string) (ready, error) {
	authority, err := pki.NewAuthority(filepath.Join(v.dir, "pki"))
	if err != nil {
		return ready{}, err
	}
	if err := authority.Issue("webhook", pkix.Name{CommonName: "webhook"}, host); err != nil {
		return ready{}, err
	}
	config, err := os.ReadFile(kubeconfig)
	if err != nil {
		return ready{}, err
	}
	v.kubeconfig = authority.File("admin.kubeconfig")
	if err := os.WriteFile(v.kubeconfig, config, 0o600); err != nil {
		return ready{}, err
	}
	bundle, err := os.ReadFile(authority.File("ca.crt"))
	return ready{
		Kubeconfig: v.kubeconfig, Audit: audit,
		Certificate: authority.File("webhook.crt"), Key: authority.File("webhook.key"), Authority: bundle,
	}, err
}

func (v *visit) startNodes(podsANode int) error {
	if kwokStages == "" {
		return errors.New("nodes need a binary with `-tags kwok`")
	}
	// What runs here is what was here before: the tests' pods have images that nobody can pull.
	if _, err := v.kubectl("", "taint", "node", "--all", "--overwrite", "quench.test/real=:NoSchedule"); err != nil {
		return err
	}
	stages := filepath.Join(v.dir, "stages.yaml")
	if err := os.WriteFile(stages, []byte(kwokStages), 0o600); err != nil {
		return err
	}
	if err := v.programs.Start("kwok", "--config="+stages, "--kubeconfig="+v.kubeconfig, "--manage-all-nodes=false",
		"--manage-nodes-with-label-selector="+visitLabel, "--node-lease-duration-seconds=40"); err != nil {
		return err
	}
	for _, name := range v.nodes {
		node, err := kwokNode(name, podsANode, map[string]any{visitLabel: "true"})
		if err != nil {
			return err
		}
		if _, err := v.kubectl(string(node), "create", "-f", "-"); err != nil {
			return err
		}
	}
	_, err := v.kubectl("", append([]string{"wait", "--for=condition=Ready", "--timeout=60s", "node"}, v.nodes...)...)
	return err
}

func (v *visit) kubectl(stdin string, arguments ...string) (string, error) {
	command := exec.Command(v.binary, append([]string{"kubectl", "--kubeconfig", v.kubeconfig}, arguments...)...)
	command.Stdin = strings.NewReader(stdin)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(arguments, " "), err, said.String())
	}
	return said.String(), nil
}
