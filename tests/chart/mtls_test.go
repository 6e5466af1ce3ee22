package chart

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What docs/install.md tells to write for mTLS makes the API server show its certificate to a quench that takes no other client.
func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	authority := writeClientCertificate(t, dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()

	text, err := os.ReadFile(root + "/docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"AdmissionConfiguration", "Config"} {
		block := regexp.MustCompile("(?s)```yaml\n([^`]*\nkind: " + kind + "\n[^`]*)```").FindSubmatch(text)
		if block == nil {
			t.Fatalf("docs/install.md has no %s", kind)
		}
		written := strings.ReplaceAll(string(block[1]), "/etc/kubernetes/admission", dir)
		// As the page says of another port than 443.
		written = strings.Replace(written, "quench.quench.svc ", "quench.quench.svc:"+port+" ", 1)
		write(t, filepath.Join(dir, map[string]string{"AdmissionConfiguration": "admission.yaml", "Config": "kubeconfig.yaml"}[kind]), written)
	}
	c := startCluster(t, "QUENCH_ADMISSION_CONFIG="+filepath.Join(dir, "admission.yaml"))

	certificates := filepath.Join(dir, "certificates")
	quench(t, "", "certs", "--out", certificates, "--service", "quench", "--namespace", "quench")
	served := serveWith(t, "{apiVersion: quench.dev/v1alpha1, kind: Policy}", "--listen", "127.0.0.1:"+port, "--client-ca", authority,
		"--tls-cert", certificates+"/tls.crt", "--tls-key", certificates+"/tls.key")
	if status, err := served.ask(); err == nil {
		t.Errorf("a client without a certificate is answered: %s", status)
	}
	c.kubectl(t, "", "create", "namespace", "quench")
	c.kubectl(t, "", "create", "service", "externalname", "quench", "--external-name=localhost", "--tcp=443", "-n", "quench")
	webhook, err := tryRender(t, "certificates: {mode: files, files: {secretName: a}}", "--show-only", "templates/webhook.yaml",
		"--set", "service.port="+port, "--set-file", "certificates.files.caBundle="+certificates+"/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl(t, webhook, "apply", "-f", "-")
	image := func() string {
		const pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: web, image: 'nginx:1.31.4'}]}}"
		return c.kubectl(t, pod, "create", "--dry-run=server", "-o", "jsonpath={.spec.containers[0].image}", "-f", "-")
	}
	eventually(t, "a review", func() bool { return image() == "dhi.io/nginx:1.31.4" })
}

// writeClientCertificate makes client.crt and client.key, and the file of the authority that signed them.
func writeClientCertificate(t *testing.T, dir string) string {
	t.Helper()
	now := time.Now()
	issue := func(template, parent *x509.Certificate, signer *ecdsa.PrivateKey, name string) *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			signer = key
		}
		template.NotBefore, template.NotAfter = now.Add(-time.Minute), now.Add(time.Hour)
		certificate, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name+".crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
		write(t, filepath.Join(dir, name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded})))
		return key
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	key := issue(authority, authority, nil, "authority")
	client := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	issue(client, authority, key, "client")
	return fmt.Sprintf("%s/authority.crt", dir)
}
