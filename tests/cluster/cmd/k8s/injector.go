package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"

	"quench.dev/tests/cluster/internal/injector"
)

func init() { programs["injector"] = inject }

// inject serves the sidecar injector on a free port, and prints its url.
func inject() int {
	flags := flag.NewFlagSet("injector", flag.ExitOnError)
	address := flags.String("listen", "127.0.0.1:0", "where to serve")
	image := flags.String("image", "", "what the sidecar runs")
	certificate := flags.String("tls-cert", "", "")
	key := flags.String("tls-key", "", "")
	flags.Parse(os.Args[1:]) //nolint:errcheck // ExitOnError
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return fail(err)
	}
	fmt.Printf("https://%s/\n", listener.Addr())
	return fail(http.ServeTLS(listener, injector.Handler(*image), *certificate, *key))
}
