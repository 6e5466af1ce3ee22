// Package injector is another team's webhook: it puts a sidecar into every new pod, as service meshes do.
package injector

import (
	"encoding/json"
	"net/http"
	"slices"
)

// Name is the sidecar's.
const Name = "injected"

// review is the part of admission.k8s.io/v1 AdmissionReview that is read and written here.
type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID    string `json:"uid"`
	Object struct {
		Spec struct {
			Containers []container `json:"containers"`
		} `json:"spec"`
	} `json:"object"`
}

type container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}

type response struct {
	UID       string `json:"uid"`
	Allowed   bool   `json:"allowed"`
	Patch     []byte `json:"patch,omitempty"`
	PatchType string `json:"patchType,omitempty"`
}

// Handler answers reviews of pods; the sidecar runs this image.
func Handler(image string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in review
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Request == nil {
			http.Error(w, "not an AdmissionReview", http.StatusBadRequest)
			return
		}
		out := review{APIVersion: in.APIVersion, Kind: in.Kind, Response: &response{UID: in.Request.UID, Allowed: true}}
		injected := func(c container) bool { return c.Name == Name }
		if !slices.ContainsFunc(in.Request.Object.Spec.Containers, injected) {
			sidecar := []map[string]any{{"op": "add", "path": "/spec/containers/-", "value": container{Name, image}}}
			out.Response.Patch, _ = json.Marshal(sidecar) // strings only: cannot fail
			out.Response.PatchType = "JSONPatch"
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(out) //nolint:errcheck // the client has gone
	})
}
