// Package supervisor runs the programs of a cluster as children that never outlive it.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// patience is how long a program may take to stop before it is killed.
const patience = 8 * time.Second

// Supervisor starts programs of one multi-call binary. Its methods are for one goroutine, which must be locked to its thread:
// the kernel kills the children when the thread that started them ends.
type Supervisor struct {
	dir      string
	binary   string
	children []*child
	ended    chan *child
}

type child struct {
	name    string
	command *exec.Cmd
	done    chan struct{}
}

// New keeps each program's log as NAME.log in dir. The programs are started as the binary, with their name as argv[0].
func New(dir, binary string) *Supervisor {
	return &Supervisor{dir: dir, binary: binary, ended: make(chan *child, 16)}
}

// Log is where a program writes.
func (s *Supervisor) Log(name string) string { return filepath.Join(s.dir, name+".log") }

// Start runs a program until Stop.
func (s *Supervisor) Start(name string, args ...string) error {
	log, err := os.Create(s.Log(name))
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own
	command := exec.Command(s.binary)
	command.Args = append([]string{name}, args...)
	command.Stdout, command.Stderr = log, log
	// A group of its own: Ctrl-C reaches the supervisor alone, which stops them in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	started := &child{name: name, command: command, done: make(chan struct{})}
	s.children = append(s.children, started)
	go func() {
		command.Wait() //nolint:errcheck // the state says how it ended
		close(started.done)
		s.ended <- started
	}()
	return nil
}

// Await asks until ready gives no error; it gives up at the limit or when a program ends.
func (s *Supervisor) Await(ctx context.Context, what string, limit time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	defer cancel()
	for {
		last := ready(ctx)
		if last == nil {
			return nil
		}
		select {
		case ended := <-s.ended:
			return fmt.Errorf("%s: %w", what, s.death(ended))
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", what, context.Cause(ctx), last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Run waits until the context ends, which is no error, or a program does, which is one.
func (s *Supervisor) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case ended := <-s.ended:
		return s.death(ended)
	}
}

// Stop ends the programs, the last one first: no program loses one that it needs.
func (s *Supervisor) Stop() error {
	var failed []error
	for _, running := range slices.Backward(s.children) {
		running.command.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		select {
		case <-running.done:
		case <-time.After(patience):
			running.command.Process.Kill() //nolint:errcheck // as above
			<-running.done
			failed = append(failed, fmt.Errorf("%s did not stop within %s", running.name, patience))
		}
	}
	s.children = nil
	return errors.Join(failed...)
}

func (s *Supervisor) death(ended *child) error {
	return fmt.Errorf("%s ended (%v): see %s", ended.name, ended.command.ProcessState, s.Log(ended.name))
}
