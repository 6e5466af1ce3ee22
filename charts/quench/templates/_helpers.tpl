{{- define "quench.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name, with the chart's where that does not hold it. */}}
{{- define "quench.fullname" -}}
{{- $name := include "quench.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "quench.selectorLabels" -}}
app.kubernetes.io/name: {{ include "quench.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "quench.labels" -}}
{{ include "quench.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
Name, namespace, labels and annotations of an object.
Called with a dict: `root`, and as needed `suffix` of the name, `clusterScoped`, more `labels`, more `annotations`.
*/}}
{{- define "quench.metadata" -}}
{{- $root := .root -}}
name: {{ include "quench.fullname" $root }}{{ with .suffix }}-{{ . }}{{ end }}
{{- if not .clusterScoped }}
namespace: {{ $root.Release.Namespace }}
{{- end }}
labels:
  {{- include "quench.labels" $root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (.annotations | default dict) $root.Values.commonAnnotations }}
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

{{/* The Secret with the certificate of the webhook; empty where quench makes it. */}}
{{- define "quench.tlsSecret" -}}
{{- if eq .Values.certificates.mode "certManager" -}}
{{- include "quench.fullname" . }}-tls
{{- else if eq .Values.certificates.mode "files" -}}
{{- .Values.certificates.files.secretName }}
{{- end }}
{{- end }}

{{/* What containers of quench may do: nothing. */}}
{{- define "quench.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "quench.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}
