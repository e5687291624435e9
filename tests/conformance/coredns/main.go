// Command coredns is CoreDNS with the plugins that the suite's own configuration asks for. It is built in the module
// of tests/cluster/coredns, which pins the version.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/whoami"
)

func main() {
	dnsserver.Directives = []string{"log", "errors", "forward", "whoami"}
	coremain.Run()
}
