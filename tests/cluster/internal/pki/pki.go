// Package pki makes the certificates, keys and kubeconfigs of a control plane that lives for one test run.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime is longer than any test run, and short enough that a leaked key is worth nothing.
const lifetime = 24 * time.Hour

// Authority signs certificates; whatever it makes is a file in its folder.
type Authority struct {
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes the folder, ca.crt and ca.key.
func NewAuthority(dir string) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := validFromNow(pkix.Name{CommonName: "test cluster"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	a := &Authority{dir: dir, certificate: template, key: key}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return a, a.write("ca", der, key)
}

// File is the path of a file of the authority.
func (a *Authority) File(name string) string { return filepath.Join(a.dir, name) }

// Issue writes NAME.crt and NAME.key, good for both ends of a TLS connection. Hosts are DNS names or addresses.
func (a *Authority) Issue(name string, subject pkix.Name, hosts ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := validFromNow(subject)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	return a.write(name, der, key)
}

// Kubeconfig issues a client certificate and writes NAME.kubeconfig, whose path it returns.
func (a *Authority) Kubeconfig(name, server string, user pkix.Name) (string, error) {
	if err := a.Issue(name, user); err != nil {
		return "", err
	}
	type named map[string]any
	config, err := json.MarshalIndent(named{ // YAML reads JSON
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": "test",
		"contexts":        []named{{"name": "test", "context": named{"cluster": "test", "user": "test"}}},
		"clusters":        []named{{"name": "test", "cluster": named{"server": server, "certificate-authority": a.File("ca.crt")}}},
		"users":           []named{{"name": "test", "user": named{"client-certificate": a.File(name + ".crt"), "client-key": a.File(name + ".key")}}},
	}, "", "  ")
	if err != nil {
		return "", err
	}
	file := a.File(name + ".kubeconfig")
	return file, os.WriteFile(file, config, 0o600)
}

// SigningKey writes NAME.key and NAME.pub: what service account tokens are signed and checked with.
func (a *Authority) SigningKey(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return errors.Join(a.writeKey(name, key), a.writePEM(name+".pub", "PUBLIC KEY", der))
}

// ClientTLS trusts the authority and shows the certificate that was issued under this name.
func (a *Authority) ClientTLS(name string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(a.File(name+".crt"), a.File(name+".key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}, nil
}

func validFromNow(subject pkix.Name) *x509.Certificate {
	now := time.Now()
	serial := new(big.Int).SetInt64(now.UnixNano()) // unique enough for one run
	return &x509.Certificate{SerialNumber: serial, Subject: subject, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(lifetime)}
}

func (a *Authority) write(name string, certificate []byte, key *ecdsa.PrivateKey) error {
	return errors.Join(a.writePEM(name+".crt", "CERTIFICATE", certificate), a.writeKey(name, key))
}

func (a *Authority) writeKey(name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return a.writePEM(name+".key", "EC PRIVATE KEY", der)
}

func (a *Authority) writePEM(name, kind string, der []byte) error {
	return os.WriteFile(a.File(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
