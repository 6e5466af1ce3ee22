// Command k8s is every program of the test clusters in one binary, because they share nearly all of their code: one link
// of 160 MB instead of six. The first argument, or the name it is started by, says which program to be:
//
//	k8s kubectl get pods
//	k8s control-plane --dir DIR
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// program takes over os.Args, as if it had a binary of its own, and returns its exit code.
type program func() int

// programs is filled where the programs are: which ones there are depends on the build tags.
var programs = map[string]program{}

func main() {
	run, args := choose(os.Args)
	if run == nil {
		fmt.Fprintf(os.Stderr, "usage: k8s PROGRAM [arguments]\nprograms: %s\n", strings.Join(slices.Sorted(maps.Keys(programs)), " "))
		os.Exit(2)
	}
	os.Args = args
	os.Exit(run())
}

func choose(args []string) (program, []string) {
	for i, arg := range args[:min(2, len(args))] {
		if run, ok := programs[filepath.Base(arg)]; ok {
			return run, args[i:]
		}
	}
	return nil, nil
}

// fail reports what ended a program of ours.
func fail(err error) int {
	fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
	return 1
}
