package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// writeReadme fills in the template with the chart's own facts and a table of values for each section.
func writeReadme(text string, chart []byte, values []*value) ([]byte, error) {
	var facts map[string]any
	if err := yaml.Unmarshal(chart, &facts); err != nil {
		return nil, fmt.Errorf("Chart.yaml: %w", err)
	}
	tables, err := tables(values)
	if err != nil {
		return nil, err
	}
	parsed, err := template.New("README.md").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	var readme bytes.Buffer
	err = parsed.Execute(&readme, map[string]any{"Chart": facts, "Values": tables})
	return readme.Bytes(), err
}

func tables(values []*value) (string, error) {
	var text strings.Builder
	section := ""
	for _, value := range values {
		if value.section != section {
			section = value.section
			fmt.Fprintf(&text, "\n### %s\n\n| value | default | what it is |\n| --- | --- | --- |\n", section)
		}
		if err := rows(&text, value); err != nil {
			return "", err
		}
	}
	return strings.TrimSpace(text.String()), nil
}

func rows(text *strings.Builder, value *value) error {
	for _, within := range value.within {
		if err := rows(text, within); err != nil {
			return err
		}
	}
	if value.within != nil {
		return nil
	}
	standard, err := value.standard()
	if err != nil {
		return err
	}
	var shown bytes.Buffer
	encoder := json.NewEncoder(&shown)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(standard); err != nil {
		return err
	}
	cell := strings.NewReplacer("|", `\|`, "\n", "")
	fmt.Fprintf(text, "| `%s` | `%s` | %s |\n", value.path, cell.Replace(shown.String()), cell.Replace(value.description))
	return nil
}
