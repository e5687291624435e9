{{- /* The proxies of a Gateway are named after it, so the controller's objects need a name that no Gateway is likely to have. */}}
{{- define "agentgateway.controller" -}}
{{- if hasSuffix "-controller" .Release.Name -}}
{{- .Release.Name | trunc 63 -}}
{{- else -}}
{{- printf "%s-controller" (.Release.Name | trunc 52 | trimSuffix "-") -}}
{{- end -}}
{{- end }}

{{- define "agentgateway.mock" -}}
{{- printf "%s-mock-provider" (.Release.Name | trunc 49 | trimSuffix "-") -}}
{{- end }}

{{- /* ClusterRoles have no namespace, so their names hold it. */}}
{{- define "agentgateway.clusterwide" -}}
{{- printf "%s-%s" .Release.Namespace (include "agentgateway.controller" .) -}}
{{- end }}

{{- define "agentgateway.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- /* Beside a selector, which has the instance. */}}
{{- define "agentgateway.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/part-of: agentgateway
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "agentgateway.labels" -}}
{{ include "agentgateway.commonLabels" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "agentgateway.selector" -}}
app.kubernetes.io/name: agentgateway-controller
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "agentgateway.mockSelector" -}}
app.kubernetes.io/name: agentgateway-mock-provider
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "agentgateway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "agentgateway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
