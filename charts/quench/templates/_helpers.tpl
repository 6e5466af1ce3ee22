{{- define "quench.name" -}}
{{- default .Chart.Name .Values.nameOverride }}
{{- end }}

{{/*
Returns the release's name, followed by the chart's name unless it contains that. A Service's name has at most 63 characters
and no dots; this one has at most 47, because the longest suffix is `-require-targets`.
*/}}
{{- define "quench.fullname" -}}
{{- $name := include "quench.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- $name = .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- $name = .Release.Name -}}
{{- else -}}
{{- $name = printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- $name | replace "." "-" | trunc 47 | trimAll "-" }}
{{- end }}

{{- define "quench.selectorLabels" -}}
app.kubernetes.io/name: {{ include "quench.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/*
Returns labels: the chart's own, which nothing overrides because selectors and tools use them, those of this object, and `commonLabels`.
Takes a dict: `root`, and optionally `labels`.
*/}}
{{- define "quench.labels" -}}
{{- $root := .root -}}
{{- $chart := printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" -}}
{{- $own := dict "app.kubernetes.io/version" $root.Chart.AppVersion "app.kubernetes.io/managed-by" $root.Release.Service "helm.sh/chart" $chart -}}
{{- toYaml (merge (include "quench.selectorLabels" $root | fromYaml) $own (.labels | default dict) ($root.Values.commonLabels | default dict)) }}
{{- end }}

{{/*
Returns name, namespace, labels and annotations of an object.
Takes a dict: `root`, and optionally `suffix` of the name, `clusterScoped`, more `labels`, more `annotations`.
*/}}
{{- define "quench.metadata" -}}
{{- $root := .root -}}
name: {{ include "quench.fullname" $root }}{{ with .suffix }}-{{ . }}{{ end }}
{{- if not .clusterScoped }}
namespace: {{ $root.Release.Namespace }}
{{- end }}
labels:
  {{- include "quench.labels" (dict "root" $root "labels" .labels) | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) ($root.Values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "quench.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "quench.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "quench.image" -}}
{{- .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "quench.authoritySecret" -}}
{{- .Values.certificates.selfManaged.authoritySecret | default (printf "%s-ca" (include "quench.fullname" .)) }}
{{- end }}

{{/* Returns the name of the Secret with the webhook certificate; empty if quench issues the certificate. */}}
{{- define "quench.tlsSecret" -}}
{{- if eq .Values.certificates.mode "certManager" -}}
{{- include "quench.fullname" . }}-tls
{{- else if eq .Values.certificates.mode "files" -}}
{{- .Values.certificates.files.secretName }}
{{- end }}
{{- end }}

{{/* Returns the security context of the containers, which allows nothing. */}}
{{- define "quench.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Returns the seconds of a duration such as `1d12h`. */}}
{{- define "quench.seconds" -}}
{{- $seconds := 0 -}}
{{- range regexFindAll "[0-9]+[dhms]" . -1 -}}
{{- $unit := get (dict "d" 86400 "h" 3600 "m" 60 "s" 1) (substr (sub (len .) 1 | int) -1 .) -}}
{{- $seconds = add $seconds (mul $unit (regexFind "[0-9]+" . | int64)) -}}
{{- end -}}
{{- $seconds }}
{{- end }}
