{{/* The policy file. */}}
{{- define "quench.policy" -}}
{{- $policy := deepCopy .Values.policy -}}
{{- $_ := set $policy "apiVersion" "quench.dev/v1alpha1" -}}
{{- $_ := set $policy "kind" "Policy" -}}
{{- if and .Values.anonymousPull (not $policy.pullSecrets) -}}
{{- $_ := set $policy "pullSecrets" list -}}
{{- end -}}
{{- toYaml $policy }}
{{- end }}

{{/* What values cannot say by their schema. */}}
{{- define "quench.validate" -}}
{{- $policy := .Values.policy -}}
{{- $enforced := list -}}
{{- /* Without `mode` a policy enforces. YAML makes false of `off`, which `default` would take for none. */ -}}
{{- if eq (toString $policy.mode) "false" -}}
{{- else if eq ($policy.mode | default "enforce") "enforce" -}}
{{- $enforced = append $enforced "policy.mode" -}}
{{- end -}}
{{- range $index, $namespace := $policy.namespaces -}}
{{- if eq (toString $namespace.mode) "enforce" -}}
{{- $enforced = append $enforced (printf "policy.namespaces[%d].mode" $index) -}}
{{- end -}}
{{- end -}}
{{- if and $enforced (not $policy.pullSecrets) (not .Values.anonymousPull) -}}
{{- fail (printf "`%s` is `enforce`: name the Secret to pull hardened images with in `policy.pullSecrets` (it must exist in each namespace that is rewritten), or say `anonymousPull: true` where no login is needed" (first $enforced)) -}}
{{- end -}}
{{- if eq .Values.certificates.mode "files" -}}
{{- if not .Values.certificates.files.secretName -}}
{{- fail "`certificates.mode` is `files`: name the Secret in `certificates.files.secretName`" -}}
{{- end -}}
{{- if not (contains "-----BEGIN CERTIFICATE-----" .Values.certificates.files.caBundle) -}}
{{- fail "`certificates.mode` is `files`: `certificates.files.caBundle` must hold the authorities that signed the certificate, PEM" -}}
{{- end -}}
{{- end -}}
{{- if eq (int .Values.webhook.port) (int .Values.adminPort) -}}
{{- fail "`webhook.port` and `adminPort` are the same" -}}
{{- end -}}
{{- end }}
