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
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"quench.dev/tests/cluster/internal/pki"
	"quench.dev/tests/cluster/internal/supervisor"
)

func init() { programs["control-plane"] = runControlPlane }

const (
	loopback = "127.0.0.1"
	services = "10.96.0.0/16"
	// startLimit is 20 times what a start takes on an idle machine.
	startLimit = time.Minute
)

// auditPolicy logs requests for workloads without their bodies: webhooks' annotations come with every level.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create, update, patch]
  resources:
  - {group: "", resources: [pods, pods/ephemeralcontainers, replicationcontrollers]}
  - {group: apps}
  - {group: batch}
- level: None
`

// startKubelet makes this machine a node; nil in a binary without the tag `node`.
var startKubelet func(*controlPlane, context.Context) error

// kwokStages are the life cycles of kwok's nodes and pods; empty in a binary without kwok.
var kwokStages string

// controlPlane is etcd, the API server, the controllers and nodes that only exist as objects, all on loopback; or, with a
// container runtime, this machine as the only node.
type controlPlane struct {
	dir       string
	address   string
	server    string
	nodes     int
	podsANode int
	runtime   string
	cgroup    string

	authority *pki.Authority
	programs  *supervisor.Supervisor
	client    *http.Client
}

// ready is what the program prints, as one line of JSON, once all of it serves.
type ready struct {
	Kubeconfig string `json:"kubeconfig"`
	Audit      string `json:"audit"`
	// Certificate and Key are files for a webhook on loopback; Authority is the caBundle for it.
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Authority   []byte `json:"authority"`
}

// runControlPlane serves until it is told to stop or its standard input ends, which it does when the test dies.
func runControlPlane() int {
	runtime.LockOSThread() // see supervisor.Supervisor
	flags := flag.NewFlagSet("control-plane", flag.ExitOnError)
	dir := flags.String("dir", "", "an empty folder for everything it writes")
	nodes := flags.Int("nodes", 0, "how many of kwok's nodes to add")
	podsANode := flags.Int("pods-a-node", 110, "how many pods such a node takes")
	address := flags.String("address", loopback, "where the API server listens; pods reach it, if it is not loopback")
	socket := flags.String("runtime", "", "a container runtime's socket: this machine becomes a node at the address")
	cgroup := flags.String("cgroup", "/", "the cgroup that the node's pods are kept in")
	flags.Parse(os.Args[1:]) //nolint:errcheck // ExitOnError
	c := &controlPlane{dir: *dir, address: *address, nodes: *nodes, podsANode: *podsANode, runtime: *socket, cgroup: *cgroup}
	if err := c.serve(); err != nil {
		return fail(err)
	}
	return 0
}

func (c *controlPlane) serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // either way it has ended
		stop()
	}()
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return err
	}
	if c.authority, err = pki.NewAuthority(filepath.Join(c.dir, "pki")); err != nil {
		return err
	}
	ports, err := freePorts()
	if err != nil {
		return err
	}
	c.server = fmt.Sprintf("https://%s:%d", c.address, ports[0])
	c.programs = supervisor.New(c.dir, binary)
	served, err := c.start(ctx, ports)
	if err == nil {
		err = errors.Join(json.NewEncoder(os.Stdout).Encode(served), c.programs.Run(ctx))
	} else if ctx.Err() != nil {
		err = nil // told to stop while starting
	}
	return errors.Join(err, c.programs.Stop())
}

func (c *controlPlane) start(ctx context.Context, ports [3]int) (ready, error) {
	served := ready{
		Audit:       filepath.Join(c.dir, "audit.jsonl"),
		Certificate: c.authority.File("webhook.crt"),
		Key:         c.authority.File("webhook.key"),
	}
	err := errors.Join(
		c.authority.SigningKey("service-accounts"),
		c.authority.Issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, c.address, loopback, "localhost", "kubernetes.default.svc", "10.96.0.1"),
		c.authority.Issue("webhook", pkix.Name{CommonName: "webhook"}, loopback, "localhost"),
	)
	if err != nil {
		return ready{}, err
	}
	if served.Authority, err = os.ReadFile(c.authority.File("ca.crt")); err != nil {
		return ready{}, err
	}
	served.Kubeconfig, err = c.authority.Kubeconfig("admin", c.server, pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}})
	if err != nil {
		return ready{}, err
	}
	tls, err := c.authority.ClientTLS("admin")
	if err != nil {
		return ready{}, err
	}
	c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: tls}, Timeout: 10 * time.Second}
	for _, step := range []func(context.Context) error{
		func(context.Context) error { return c.startEtcd(ports[1], ports[2]) },
		func(ctx context.Context) error { return c.startAPIServer(ctx, ports[0], ports[1], served.Audit) },
		c.startControllers,
		c.startNodes,
		c.startRealNode,
	} {
		if err := step(ctx); err != nil {
			return ready{}, err
		}
	}
	return served, nil
}

func (c *controlPlane) startEtcd(port, peerPort int) error {
	own, peer := fmt.Sprintf("http://%s:%d", loopback, port), fmt.Sprintf("http://%s:%d", loopback, peerPort)
	return c.programs.Start("etcd",
		"--data-dir="+filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls="+own, "--advertise-client-urls="+own,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer,
	)
}

func (c *controlPlane) startAPIServer(ctx context.Context, port, etcdPort int, audit string) error {
	policy := filepath.Join(c.dir, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	file := c.authority.File
	flags := []string{
		fmt.Sprintf("--etcd-servers=http://%s:%d", loopback, etcdPort),
		"--bind-address=" + c.address, "--advertise-address=" + c.address, fmt.Sprintf("--secure-port=%d", port),
		"--service-cluster-ip-range=" + services,
		"--cert-dir=" + filepath.Join(c.dir, "apiserver"),
		"--client-ca-file=" + file("ca.crt"), "--tls-cert-file=" + file("apiserver.crt"), "--tls-private-key-file=" + file("apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + file("service-accounts.pub"), "--service-account-signing-key-file=" + file("service-accounts.key"),
		"--authorization-mode=Node,RBAC", "--allow-privileged=true", "--profiling=false",
		"--audit-policy-file=" + policy, "--audit-log-path=" + audit, // the log is blocking: a request that is over is in it
		"--v=1",
	}
	if c.address == loopback {
		flags = append(flags, "--endpoint-reconciler-type=none") // it is no valid endpoint
	}
	if c.runtime != "" {
		// For logs and exec.
		flags = append(flags, "--kubelet-client-certificate="+file("admin.crt"), "--kubelet-client-key="+file("admin.key"),
			"--kubelet-certificate-authority="+file("ca.crt"), "--kubelet-preferred-address-types=InternalIP")
	}
	if err := c.programs.Start("kube-apiserver", flags...); err != nil {
		return err
	}
	return c.programs.Await(ctx, "the API server", startLimit, func(ctx context.Context) error {
		return c.get(ctx, "/readyz", nil)
	})
}

func (c *controlPlane) startControllers(ctx context.Context) error {
	for name, flags := range map[string][]string{
		"kube-controller-manager": {
			"--service-account-private-key-file=" + c.authority.File("service-accounts.key"),
			"--root-ca-file=" + c.authority.File("ca.crt"), "--use-service-account-credentials=true",
			"--concurrent-deployment-syncs=10", "--concurrent-replicaset-syncs=10",
		},
		"kube-scheduler": nil,
	} {
		kubeconfig, err := c.authority.Kubeconfig(name, c.server, pkix.Name{CommonName: "system:" + name})
		if err != nil {
			return err
		}
		// They answer nobody, are alone, and may ask more often than on a shared API server.
		flags = append(flags, "--kubeconfig="+kubeconfig, "--secure-port=0", "--leader-elect=false", "--kube-api-qps=400", "--kube-api-burst=800", "--v=1")
		if err := c.programs.Start(name, flags...); err != nil {
			return err
		}
	}
	return c.programs.Await(ctx, "the default service account", startLimit, func(ctx context.Context) error {
		return c.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
	})
}

func (c *controlPlane) startNodes(ctx context.Context) error {
	if c.nodes == 0 {
		return nil
	}
	if kwokStages == "" {
		return errors.New("nodes need a binary with `-tags kwok`")
	}
	stages := filepath.Join(c.dir, "stages.yaml")
	if err := os.WriteFile(stages, []byte(kwokStages), 0o600); err != nil {
		return err
	}
	kubeconfig, err := c.authority.Kubeconfig("kwok", c.server, pkix.Name{CommonName: "kwok", Organization: []string{"system:masters"}})
	if err != nil {
		return err
	}
	if err := c.programs.Start("kwok", "--config="+stages, "--kubeconfig="+kubeconfig, "--manage-all-nodes", "--node-lease-duration-seconds=40"); err != nil {
		return err
	}
	for i := range c.nodes {
		if err := c.addNode(ctx, fmt.Sprintf("node-%d", i+1)); err != nil {
			return err
		}
	}
	return c.programs.Await(ctx, "the nodes", startLimit, c.allNodesReady)
}

func (c *controlPlane) startRealNode(ctx context.Context) error {
	if c.runtime == "" {
		return nil
	}
	if startKubelet == nil {
		return errors.New("a runtime needs a binary with `-tags node`")
	}
	return startKubelet(c, ctx)
}

func (c *controlPlane) addNode(ctx context.Context, name string) error {
	node, err := kwokNode(name, c.podsANode, nil)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, "/api/v1/nodes", node, nil)
}

// kwokNode is a node that only exists as an object, as JSON.
func kwokNode(name string, pods int, labels map[string]any) ([]byte, error) {
	type fields map[string]any
	all := fields{"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
	maps.Copy(all, labels)
	room := fields{"cpu": "1000", "memory": "1Ti", "pods": fmt.Sprint(pods)}
	return json.Marshal(fields{
		"apiVersion": "v1", "kind": "Node",
		"metadata": fields{"name": name, "labels": all},
		"status":   fields{"capacity": room, "allocatable": room},
	})
}

func (c *controlPlane) allNodesReady(ctx context.Context) error {
	var list struct {
		Items []struct {
			Spec struct {
				Taints []struct{ Key string }
			}
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := c.get(ctx, "/api/v1/nodes", &list); err != nil {
		return err
	}
	ready := 0
	for _, node := range list.Items {
		for _, condition := range node.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" && len(node.Spec.Taints) == 0 {
				ready++
			}
		}
	}
	if ready < c.nodes {
		return fmt.Errorf("%d of %d are ready", ready, c.nodes)
	}
	return nil
}

func (c *controlPlane) get(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodGet, path, nil, into)
}

func (c *controlPlane) do(ctx context.Context, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// freePorts holds all of them at once, so that no port is given twice.
func freePorts() (ports [3]int, err error) {
	for i := range ports {
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			return ports, err
		}
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
