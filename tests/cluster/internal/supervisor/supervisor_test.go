package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is the multi-call binary of these tests.
func TestMain(m *testing.M) {
	switch os.Args[0] {
	case "sleeper":
		fmt.Println("awake")
		time.Sleep(time.Minute)
	case "quitter":
		os.Exit(3)
	default:
		os.Exit(m.Run())
	}
}

func start(t *testing.T, names ...string) *Supervisor {
	t.Helper()
	runtime.LockOSThread()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := New(t.TempDir(), binary)
	for _, name := range names {
		if err := s.Start(name); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestStopEndsWhatWasStarted(t *testing.T) {
	s := start(t, "sleeper")
	pid := s.children[0].command.Process.Pid
	awake := func(context.Context) error {
		if log, err := os.ReadFile(s.Log("sleeper")); err != nil || string(log) != "awake\n" {
			return fmt.Errorf("%q, %w", log, err)
		}
		return nil
	}
	if err := s.Await(t.Context(), "sleeper", 10*time.Second, awake); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("%d is still there: %v", pid, err)
	}
}

func TestAProgramThatEndsIsNamed(t *testing.T) {
	s := start(t, "quitter")
	never := func(context.Context) error { return errors.New("not yet") }
	err := s.Await(t.Context(), "a good end", 10*time.Second, never)
	if err == nil || !strings.Contains(err.Error(), "a good end: quitter ended (exit status 3): see "+s.Log("quitter")) {
		t.Error(err)
	}
}

func TestWaitingEndsWithTheLastReason(t *testing.T) {
	s := start(t)
	never := func(context.Context) error { return errors.New("not yet") }
	err := s.Await(t.Context(), "a miracle", 30*time.Millisecond, never)
	if err == nil || err.Error() != "a miracle: not within 30ms: not yet" {
		t.Error(err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	s := start(t, "sleeper")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := errors.Join(s.Run(ctx), s.Stop()); err != nil {
		t.Error(err)
	}
}
