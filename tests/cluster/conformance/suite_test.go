// Package conformance runs the Gateway API's own conformance suite, at the version that go.mod pins.
package conformance

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

func TestConformance(t *testing.T) { conformance.RunConformance(t) }
