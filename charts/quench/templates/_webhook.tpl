{{/*
Templates of the webhook entries: those that `quench serve --print-webhook-config` prints, with a Service instead of a URL, and more
entries for namespaces with the label `quench.dev/failure-policy: fail`. A test checks that both agree.
*/}}

{{/* Returns what the policy's `workloads` do with a kind: rewrite, warn or off. Takes a dict of `workloads` and `kind`. */}}
{{- define "quench.treatment" -}}
{{- $treatment := get (dict "Pod" "rewrite" "DaemonSet" "rewrite" "ReplicaSet" "off") .kind | default "warn" -}}
{{- $workloads := .workloads | default dict -}}
{{- if hasKey $workloads .kind }}{{ $treatment = toString (get $workloads .kind) }}{{ end -}}
{{- /* YAML reads `off` as false. */ -}}
{{- if eq $treatment "false" }}off{{ else }}{{ $treatment }}{{ end }}
{{- end }}

{{/* Returns the rules of an entry for the kinds that get one of these treatments. Takes a dict of `root` and `treatments`. */}}
{{- define "quench.rules" -}}
{{- $workloads := .root.Values.policy.workloads -}}
{{- $treatments := .treatments -}}
{{- $both := list "CREATE" "UPDATE" -}}
{{- $rules := list
  (dict "group" "" "operations" $both "kinds" (dict "pods" "Pod" "replicationcontrollers" "ReplicationController"))
  (dict "group" "" "operations" (list "UPDATE") "kinds" (dict "pods/ephemeralcontainers" "Pod"))
  (dict "group" "apps" "operations" $both "kinds" (dict "daemonsets" "DaemonSet" "deployments" "Deployment" "replicasets" "ReplicaSet" "statefulsets" "StatefulSet"))
  (dict "group" "batch" "operations" $both "kinds" (dict "cronjobs" "CronJob" "jobs" "Job"))
-}}
{{- range $rule := $rules -}}
{{- $resources := list -}}
{{- range $resource, $kind := $rule.kinds -}}
{{- if has (include "quench.treatment" (dict "workloads" $workloads "kind" $kind)) $treatments -}}
{{- $resources = append $resources $resource -}}
{{- end -}}
{{- end -}}
{{- if $resources }}
- apiGroups: [{{ $rule.group | quote }}]
  apiVersions: [v1]
  operations: {{ toJson $rule.operations }}
  resources: {{ toJson $resources }}
  scope: Namespaced
{{- end -}}
{{- end -}}
{{- end }}

{{/* Returns a CEL list of the images of a pod. */}}
{{- define "quench.images" -}}
(has({{ . }}.spec.containers) && {{ . }}.spec.containers != null ? {{ . }}.spec.containers.map(c, has(c.image) ? c.image : '') : []) + (has({{ . }}.spec.initContainers) && {{ . }}.spec.initContainers != null ? {{ . }}.spec.initContainers.map(c, has(c.image) ? c.image : '') : []) + (has({{ . }}.spec.volumes) && {{ . }}.spec.volumes != null ? {{ . }}.spec.volumes.filter(v, has(v.image)).map(v, has(v.image.reference) ? v.image.reference : '') : [])
{{- end }}

{{/* Returns a CEL list of the images of a pod, with ephemeral containers. */}}
{{- define "quench.everyImage" -}}
{{ include "quench.images" . }} + (has({{ . }}.spec.ephemeralContainers) && {{ . }}.spec.ephemeralContainers != null ? {{ . }}.spec.ephemeralContainers.map(c, has(c.image) ? c.image : '') : [])
{{- end }}

{{- define "quench.isNoMirrorPod" -}}
request.resource.resource != 'pods' || !has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)
{{- end }}

{{- define "quench.changesImages" -}}
request.resource.resource != 'pods' || request.operation != 'UPDATE' || (has(request.subResource) && request.subResource == 'ephemeralcontainers') || {{ include "quench.images" "object" }} != {{ include "quench.images" "oldObject" }}
{{- end }}

{{/* The API server evaluates all conditions for all kinds, and an error rejects the request under `Fail`: hence each `has`. */}}
{{- define "quench.matchConditions" -}}
# Mirror pods: the kubelet does not run a static pod whose mirror differs from its file.
- name: not-a-mirror-pod
  expression: {{ include "quench.isNoMirrorPod" . | quote }}
# A CronJob's Job, a Deployment's ReplicaSet: quench has seen the template that a person wrote, and will see the pods.
- name: not-made-by-a-controller
  expression: "!(request.resource.resource in ['jobs', 'replicasets']) || !has(object.metadata.ownerReferences) || !object.metadata.ownerReferences.exists(owner, has(owner.controller) && owner.controller)"
# Labels, annotations and finalizers of running pods change all the time, but their images hardly ever.
- name: not-a-pod-with-the-same-images
  expression: {{ include "quench.changesImages" . | quote }}
{{- end }}

{{/* Returns one entry, or none if it would get no requests. Takes a dict: `root`, `name`, `path`, `failurePolicy`, `namespaces` (match expressions), `treatments`. */}}
{{- define "quench.webhook" -}}
{{- $root := .root -}}
{{- $rules := include "quench.rules" (dict "root" $root "treatments" (.treatments | default (list "rewrite" "warn"))) -}}
{{- if $rules -}}
- name: {{ .name }}.quench.dev
  clientConfig:
    service:
      name: {{ include "quench.fullname" $root }}
      namespace: {{ $root.Release.Namespace }}
      path: {{ .path }}
      port: {{ $root.Values.service.port }}
    {{- if eq $root.Values.certificates.mode "files" }}
    caBundle: {{ $root.Values.certificates.files.caBundle | default "" | b64enc }}
    {{- end }}
  failurePolicy: {{ .failurePolicy }}
  namespaceSelector:
    matchExpressions:
      {{- range .namespaces }}
      - {{ toJson . }}
      {{- end }}
  rules:
    {{- $rules | nindent 4 }}
  matchConditions:
    {{- include "quench.matchConditions" $root | nindent 4 }}
  matchPolicy: Equivalent
  reinvocationPolicy: IfNeeded
  sideEffects: None
  admissionReviewVersions: [v1]
  timeoutSeconds: {{ $root.Values.webhook.timeoutSeconds }}
{{- end }}
{{- end }}
