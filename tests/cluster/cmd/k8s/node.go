//go:build node

package main

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/component-base/cli"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func init() {
	programs["kubelet"] = func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) }
	programs["kube-proxy"] = func() int { return cli.Run(proxy.NewProxyCommand()) }
	startKubelet = (*controlPlane).runNode
}

// nodeName is the machine's only name in the cluster.
const nodeName = "node"

// kubeletConfig is for a machine that is shared with others: it may have swap, a full disk, cgroups of version 1, and no right to
// raise limits or lower scores. What it shares is below one cgroup.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[1]s
containerRuntimeEndpoint: unix://%[2]s
cgroupDriver: cgroupfs
cgroupRoot: %[3]s
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
maxOpenFiles: 20000
maxPods: 200
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: %[4]s}}
authorization: {mode: Webhook}
tlsCertFile: %[5]s
tlsPrivateKeyFile: %[6]s
podLogsDir: %[7]s
clusterDomain: cluster.local
clusterDNS: [10.96.0.10] # nobody answers there; without one every pod has a warning
resolvConf: ""
nodeStatusUpdateFrequency: 2s
registryPullQPS: 0
eventRecordQPS: 0
serializeImagePulls: false
evictionHard: {memory.available: 100Mi, nodefs.available: 1%%, nodefs.inodesFree: 1%%, imagefs.available: 1%%}
`

// runNode makes this machine a node: kubelet and kube-proxy, beside a container runtime that runs already.
func (c *controlPlane) runNode(ctx context.Context) error {
	if err := c.authority.Issue("kubelet-serving", pkix.Name{CommonName: "kubelet"}, c.address, nodeName); err != nil {
		return err
	}
	user := pkix.Name{CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}}
	kubeletKubeconfig, err := c.authority.Kubeconfig("kubelet", c.server, user)
	if err != nil {
		return err
	}
	proxyKubeconfig, err := c.authority.Kubeconfig("kube-proxy", c.server, pkix.Name{CommonName: "system:kube-proxy"})
	if err != nil {
		return err
	}
	file := c.authority.File
	text := fmt.Sprintf(kubeletConfig, c.address, c.runtime, c.cgroup, file("ca.crt"), file("kubelet-serving.crt"), file("kubelet-serving.key"),
		filepath.Join(c.dir, "pods"))
	config := filepath.Join(c.dir, "kubelet.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	root := filepath.Join(c.dir, "kubelet")
	err = c.programs.Start("kubelet", "--config="+config, "--kubeconfig="+kubeletKubeconfig, "--root-dir="+root, "--cert-dir="+filepath.Join(root, "pki"),
		"--hostname-override="+nodeName, "--node-ip="+c.address, "--v=2")
	if err != nil {
		return err
	}
	// The conntrack settings belong to the whole machine: 0 leaves them alone.
	err = c.programs.Start("kube-proxy", "--kubeconfig="+proxyKubeconfig, "--hostname-override="+nodeName, "--proxy-mode=iptables", "--oom-score-adj=0",
		"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0", "--v=2")
	if err != nil {
		return err
	}
	c.nodes++
	return c.programs.Await(ctx, "the node", startLimit, c.allNodesReady)
}
