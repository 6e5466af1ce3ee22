package chart

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// quenchPath is the program under test: $QUENCH, or what cargo built last.
func quenchPath(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("QUENCH"); path != "" {
		return path
	}
	var newest os.FileInfo
	found := ""
	for _, profile := range []string{"release", "debug"} {
		path := filepath.Join(root, "target", profile, "quench")
		if info, err := os.Stat(path); err == nil && (newest == nil || info.ModTime().After(newest.ModTime())) {
			newest, found = info, path
		}
	}
	if found == "" {
		t.Fatal("quench is missing: run cargo build, or name the program by QUENCH=…")
	}
	return found
}

// quench runs a command that must succeed.
func quench(t *testing.T, stdin string, arguments ...string) string {
	t.Helper()
	command := exec.Command(quenchPath(t), arguments...)
	command.Stdin = strings.NewReader(stdin)
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("quench %s: %s\n%s", strings.Join(arguments, " "), said, stdin)
	}
	return string(said)
}

// serving is a quench on loopback: what it prints for registration, and its metrics.
type serving struct {
	configuration object
	admin         string
}

// serve starts quench with a policy for the length of a test.
func serve(t *testing.T, policy string) serving {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin := free.Addr().String()
	free.Close()
	command := exec.Command(quenchPath(t), "serve", "--print-webhook-config", "--policy", file, "--listen", "127.0.0.1:0", "--admin", admin, "--own-namespace", "quench", "--drain-seconds", "0")
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	command.Stderr = &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	printed, err := io.ReadAll(bufio.NewReader(said))
	if err != nil || len(printed) == 0 {
		t.Fatalf("quench does not serve: %v\n%s", err, log.String())
	}
	return serving{documents(t, string(printed))[0], admin}
}

func (s serving) metrics(t *testing.T) string {
	t.Helper()
	answer, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	return string(text)
}

// review asks about a pod whose image is rewritten, with a warning.
func (s serving) review(t *testing.T) {
	t.Helper()
	const pod = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE","namespace":"shop",
		"kind":{"group":"","version":"v1","kind":"Pod"},"object":{"metadata":{"name":"web"},"spec":{"containers":[{"name":"web","image":"nginx:1.31.4"}]}}}}`
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // its certificate is of this minute
	url := s.configuration.at("webhooks", 0, "clientConfig", "url").(string)
	answer, err := client.Post(url, "application/json", strings.NewReader(pod))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
}
