package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // credential plugins of kubeconfigs
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func init() {
	programs["etcd"] = func() int {
		etcdmain.Main(os.Args)
		return 0
	}
	programs["kube-apiserver"] = func() int {
		// Where a test needs one.
		if file := os.Getenv("QUENCH_ADMISSION_CONFIG"); file != "" {
			os.Args = append(os.Args, "--admission-control-config-file="+file)
		}
		return cli.Run(app.NewAPIServerCommand())
	}
	programs["kubectl"] = func() int {
		if _, err := logs.GlogSetter(cmd.GetLogVerbosity(os.Args)); err != nil {
			return fail(err)
		}
		util.CheckErr(cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()))
		return 0
	}
}
