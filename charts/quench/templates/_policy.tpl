{{/* Returns the policy file. */}}
{{- define "quench.policy" -}}
{{- $policy := deepCopy .Values.policy -}}
{{- $_ := set $policy "apiVersion" "quench.dev/v1alpha1" -}}
{{- $_ := set $policy "kind" "Policy" -}}
{{- if and .Values.anonymousPull (not $policy.pullSecrets) -}}
{{- $_ := set $policy "pullSecrets" list -}}
{{- end -}}
{{- toYaml $policy }}
{{- end }}

{{/* Returns the keys of the policy that enforce (besides labels of namespaces), as JSON. */}}
{{- define "quench.enforced" -}}
{{- $policy := .Values.policy -}}
{{- $enforced := list -}}
{{- /* Without `mode` a policy enforces. YAML reads `off` as false, which `default` would treat as unset. */ -}}
{{- if eq (toString $policy.mode) "false" -}}
{{- else if eq ($policy.mode | default "enforce") "enforce" -}}
{{- $enforced = append $enforced "policy.mode" -}}
{{- end -}}
{{- range $index, $namespace := $policy.namespaces -}}
{{- if eq (toString $namespace.mode) "enforce" -}}
{{- $enforced = append $enforced (printf "policy.namespaces[%d].mode" $index) -}}
{{- end -}}
{{- end -}}
{{- toJson $enforced }}
{{- end }}

{{/* Returns the pull secrets that quench copies to namespaces, as JSON. */}}
{{- define "quench.copiedSecrets" -}}
{{- $names := list -}}
{{- range .Values.policy.pullSecrets -}}
{{- if .propagate -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end -}}
{{- $names | uniq | toJson }}
{{- end }}

{{/* Returns the pull secrets that quench only checks for, as JSON. */}}
{{- define "quench.checkedSecrets" -}}
{{- $copied := include "quench.copiedSecrets" . | fromJsonArray -}}
{{- $names := list -}}
{{- range .Values.policy.pullSecrets -}}
{{- if and .check (not (has .name $copied)) -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end -}}
{{- $names | uniq | toJson }}
{{- end }}

{{/* Returns `true` if quench calls the API server, otherwise nothing. */}}
{{- define "quench.asksApiServer" -}}
{{- $secrets := concat (include "quench.copiedSecrets" . | fromJsonArray) (include "quench.checkedSecrets" . | fromJsonArray) -}}
{{- if or (eq .Values.certificates.mode "selfManaged") $secrets }}true{{ end }}
{{- end }}

{{/* Checks what the schema of the values cannot check. */}}
{{- define "quench.validate" -}}
{{- if eq .Release.Namespace "kube-system" -}}
{{- fail "install quench into a namespace of its own (--namespace quench --create-namespace): its own namespace is never rewritten, and kube-system should be" -}}
{{- end -}}
{{- $policy := .Values.policy -}}
{{- $enforced := include "quench.enforced" . | fromJsonArray -}}
{{- if and $enforced (not $policy.pullSecrets) (not .Values.anonymousPull) -}}
{{- fail (printf "`%s` is `enforce`: name the Secret to pull hardened images with in `policy.pullSecrets` (it must exist in each namespace that is rewritten), or say `anonymousPull: true` where no login is needed" (first $enforced)) -}}
{{- end -}}
{{- with .Values.requireTargets -}}
{{- if and .enabled (has "Deny" .validationActions) (not $enforced) (not .prefixes) -}}
{{- fail "`requireTargets.validationActions` has `Deny`, but `policy` enforces nothing: nearly every pod would be refused; say `policy.mode: enforce` or begin with `[Warn, Audit]`" -}}
{{- end -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]" (include "quench.fullname" .)) -}}
{{- fail "the name of a Service begins with a letter: name the release otherwise, or say `fullnameOverride`" -}}
{{- end -}}
{{- include "quench.validateCertificates" . -}}
{{- include "quench.validateRegistries" . -}}
{{- if and (include "quench.asksApiServer" .) (not (or .Values.serviceAccount.create .Values.serviceAccount.name)) -}}
{{- fail "`serviceAccount.create` is false: name the account in `serviceAccount.name`, since `default`, which is everybody's, would get the rights for self-managed certificates or pull secrets" -}}
{{- end -}}
{{- if eq (int .Values.webhook.port) (int .Values.adminPort) -}}
{{- fail "`webhook.port` and `adminPort` are the same" -}}
{{- end -}}
{{- end }}

{{- define "quench.validateCertificates" -}}
{{- if eq .Values.certificates.mode "files" -}}
{{- if not .Values.certificates.files.secretName -}}
{{- fail "`certificates.mode` is `files`: name the Secret in `certificates.files.secretName`" -}}
{{- end -}}
{{- if not (contains "-----BEGIN CERTIFICATE-----" (.Values.certificates.files.caBundle | default "")) -}}
{{- fail "`certificates.mode` is `files`: `certificates.files.caBundle` must hold the authorities that signed the certificate, PEM" -}}
{{- end -}}
{{- end -}}
{{- $alerts := .Values.prometheusRule -}}
{{- if eq .Values.certificates.mode "selfManaged" -}}
{{- with .Values.certificates.selfManaged -}}
{{- $leaf := include "quench.seconds" .leafLifetime | int64 -}}
{{- $authority := include "quench.seconds" .authorityLifetime | int64 -}}
{{- if ge $leaf $authority -}}
{{- fail "`certificates.selfManaged.leafLifetime` must be shorter than `authorityLifetime`" -}}
{{- end -}}
{{- if and $alerts.enabled (ge (mulf 3 86400 $alerts.certificateDays) (float64 $leaf)) -}}
{{- fail "`prometheusRule.certificateDays` must be less than a third of `certificates.selfManaged.leafLifetime`: until then it is not renewed" -}}
{{- end -}}
{{- if and $alerts.enabled (ge (mulf 3 86400 $alerts.authorityDays) (float64 $authority)) -}}
{{- fail "`prometheusRule.authorityDays` must be less than a third of `certificates.selfManaged.authorityLifetime`: until then it is not replaced" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.certificates.mode "certManager" -}}
{{- with .Values.certificates.certManager -}}
{{- $before := include "quench.seconds" .renewBefore | int64 -}}
{{- $leaf := include "quench.seconds" .duration | int64 -}}
{{- if ge $before $leaf -}}
{{- fail "`certificates.certManager.renewBefore` must be shorter than `duration`" -}}
{{- end -}}
{{- if and (not .issuerRef) (ge $leaf (include "quench.seconds" .authorityDuration | int64)) -}}
{{- fail "`certificates.certManager.duration` must be shorter than `authorityDuration`" -}}
{{- end -}}
{{- if and $alerts.enabled (ge (mulf 86400 $alerts.certificateDays) (float64 $before)) -}}
{{- fail "`prometheusRule.certificateDays` must be less than `certificates.certManager.renewBefore`: until then it is not renewed" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
