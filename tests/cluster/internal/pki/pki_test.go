package pki

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"net"
	"os"
	"testing"
)

func authority(t *testing.T) *Authority {
	t.Helper()
	a, err := NewAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestBothEndsTrustEachOther(t *testing.T) {
	a := authority(t)
	for name, hosts := range map[string][]string{"server": {"127.0.0.1", "localhost"}, "client": nil} {
		if err := a.Issue(name, pkix.Name{CommonName: name}, hosts...); err != nil {
			t.Fatal(err)
		}
	}
	server, err := a.ClientTLS("server")
	if err != nil {
		t.Fatal(err)
	}
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, server.RootCAs
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	seen := make(chan string, 2)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted := conn.(*tls.Conn)
			if err := accepted.Handshake(); err != nil {
				seen <- err.Error()
			} else {
				seen <- accepted.ConnectionState().PeerCertificates[0].Subject.CommonName
			}
			conn.Close()
		}
	}()
	client, err := a.ClientTLS("client")
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		config := client.Clone()
		config.ServerName = host
		conn, err := tls.Dial("tcp", listener.Addr().(*net.TCPAddr).String(), config)
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		conn.Close()
		if name := <-seen; name != "client" {
			t.Errorf("%s: the server saw %q", host, name)
		}
	}
}

func TestKubeconfigNamesFilesThatExist(t *testing.T) {
	a := authority(t)
	file, err := a.Kubeconfig("admin", "https://127.0.0.1:6443", pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server    string
				Authority string `json:"certificate-authority"`
			}
		}
		Users []struct {
			User struct {
				Certificate string `json:"client-certificate"`
				Key         string `json:"client-key"`
			}
		}
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	if server := config.Clusters[0].Cluster.Server; server != "https://127.0.0.1:6443" {
		t.Error(server)
	}
	if _, err := tls.LoadX509KeyPair(config.Users[0].User.Certificate, config.Users[0].User.Key); err != nil {
		t.Error(err)
	}
	if pem, err := os.ReadFile(config.Clusters[0].Cluster.Authority); err != nil || !x509.NewCertPool().AppendCertsFromPEM(pem) {
		t.Errorf("no certificate: %v", err)
	}
}

func TestKeysAreTheOwnersAlone(t *testing.T) {
	a := authority(t)
	if err := a.SigningKey("tokens"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ca.key", "tokens.key", "tokens.pub"} {
		file, err := os.Stat(a.File(name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := file.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s: %o", name, mode)
		}
	}
}
