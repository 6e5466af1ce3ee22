package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

func init() { programs["leash"] = leash }

// leash becomes another program, with the same process id, that does not outlive the thread that started it.
func leash() int {
	if len(os.Args) < 2 {
		return fail(errors.New("which program?"))
	}
	path, err := exec.LookPath(os.Args[1])
	if err != nil {
		return fail(err)
	}
	runtime.LockOSThread() // the setting is the thread's
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0); errno != 0 {
		return fail(errno)
	}
	return fail(syscall.Exec(path, os.Args[1:], os.Environ()))
}
