{{/* Reports whether quench asks registries: `verify` has a value, which may be an empty map. */}}
{{- define "quench.verifies" -}}
{{- if kindIs "map" .Values.policy.verify }}true{{ end }}
{{- end }}

{{/*
Returns the ports in the policy and in the proxy's URL, and `networkPolicy.registryPorts`, as JSON. A port comes before the first slash.
*/}}
{{- define "quench.registryPorts" -}}
{{- $policy := .Values.policy -}}
{{- $verify := $policy.verify | default dict -}}
{{- $plain := $verify.insecure | default list -}}
{{- $hosts := concat $plain ($verify.realms | default list) ($verify.private | default list) -}}
{{- $hosts = append $hosts ($policy.hardened | default dict).repository -}}
{{- range $policy.mirrors }}{{ $hosts = append $hosts .to }}{{ end -}}
{{- range $policy.rules }}{{ $hosts = append $hosts .replace }}{{ end -}}
{{- $ports := .Values.networkPolicy.registryPorts -}}
{{- range compact $hosts -}}
{{- $port := first (splitList "/" .) | regexFind ":[0-9]+$" | trimPrefix ":" -}}
{{- if $port -}}
{{- $ports = append $ports (int $port) -}}
{{- else if has . $plain -}}
{{- $ports = append $ports 80 -}}
{{- end -}}
{{- end -}}
{{- with .Values.registries.httpsProxy -}}
{{- $port := regexReplaceAll "^https?://" . "" | splitList "/" | first | regexFind ":[0-9]+$" | trimPrefix ":" -}}
{{- $ports = append $ports (int ($port | default (ternary 443 80 (hasPrefix "https:" .)))) -}}
{{- end -}}
{{- $numbers := list -}}
{{- range $ports }}{{ $numbers = append $numbers (int .) }}{{ end -}}
{{- toJson (uniq $numbers) }}
{{- end }}

{{- define "quench.validateRegistries" -}}
{{- with .Values.registries.ca -}}
{{- if and .configMapName .secretName -}}
{{- fail "`registries.ca` names a ConfigMap and a Secret: one of them" -}}
{{- end -}}
{{- end -}}
{{- if include "quench.verifies" . -}}
{{- $timeout := .Values.policy.verify.timeout | default "800ms" -}}
{{- /* The policy's own check reports everything else that is wrong with it. */ -}}
{{- if regexMatch "^[0-9]+m?s$" $timeout -}}
{{- $milliseconds := mul (regexFind "^[0-9]+" $timeout | int64) (ternary 1 1000 (hasSuffix "ms" $timeout)) -}}
{{- if gt (add $milliseconds 500) (mul .Values.webhook.timeoutSeconds 1000) -}}
{{- fail (printf "`policy.verify.timeout` is %s and `webhook.timeoutSeconds` %v: the API server must wait at least 500ms longer than a review may wait for registries" $timeout .Values.webhook.timeoutSeconds) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Returns the environment variables; `extraEnv` overrides those of the chart. */}}
{{- define "quench.env" -}}
{{- $given := list -}}
{{- range .Values.extraEnv }}{{ $given = append $given .name }}{{ end -}}
{{- $env := list (dict "name" "POD_NAMESPACE" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.namespace"))) -}}
{{- with .Values.registries.httpsProxy -}}
{{- $env = append $env (dict "name" "HTTPS_PROXY" "value" .) -}}
{{- end -}}
{{- if or .Values.registries.httpsProxy (has "HTTPS_PROXY" $given) -}}
{{- $env = append $env (dict "name" "NO_PROXY" "value" (join "," .Values.registries.noProxy)) -}}
{{- end -}}
{{- range $env -}}
{{- if not (has .name $given) }}
- {{ toYaml . | nindent 2 | trim }}
{{- end -}}
{{- end -}}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end -}}
{{- end }}
