package injector

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestInjectsOnce(t *testing.T) {
	for _, c := range []struct{ about, body, answer string }{
		{
			"a pod without it",
			`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"7","object":{"spec":{"containers":[{"name":"a"}]}}}}`,
			// base64 of [{"op":"add","path":"/spec/containers/-","value":{"name":"injected","image":"i:1"}}]
			`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"7","allowed":true,"patch":"W3sib3AiOiJhZGQiLCJwYXRoIjoiL3NwZWMvY29udGFpbmVycy8tIiwidmFsdWUiOnsibmFtZSI6ImluamVjdGVkIiwiaW1hZ2UiOiJpOjEifX1d","patchType":"JSONPatch"}}`,
		},
		{
			"a pod with it",
			`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"8","object":{"spec":{"containers":[{"name":"injected"}]}}}}`,
			`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"8","allowed":true}}`,
		},
		{"no review", `{}`, "not an AdmissionReview"},
	} {
		w := httptest.NewRecorder()
		Handler("i:1").ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body)))
		if got := strings.TrimSpace(w.Body.String()); got != c.answer {
			t.Errorf("%s: %s", c.about, got)
		}
	}
}
