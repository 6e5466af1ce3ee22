package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A value of the chart: a key of values.yaml, with what its comment says.
type value struct {
	key string
	// path joins it and what it lies in by dots.
	path string
	// description is its comment, in one line.
	description string
	// schema is what lines with @schema say, over what follows from the default.
	schema  map[string]any
	written *yaml.Node
	// within are the values of a map; nil where it is none, or one whose keys are not ours to name.
	within  []*value
	section string
}

const schemaMark = "@schema "

// readValues reads values.yaml with its comments.
func readValues(text []byte) ([]*value, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	reader := reader{lines: strings.Split(string(text), "\n")}
	return reader.values(document.Content[0], "")
}

type reader struct {
	lines []string
}

func (r reader) values(written *yaml.Node, parent string) ([]*value, error) {
	var values []*value
	for i := 0; i < len(written.Content); i += 2 {
		key, content := written.Content[i], written.Content[i+1]
		found := &value{key: key.Value, path: parent + key.Value, written: content}
		if err := r.comment(key.Line, found); err != nil {
			return nil, fmt.Errorf("line %d: `%s`: %w", key.Line, found.path, err)
		}
		if content.Kind == yaml.MappingNode && len(found.schema) == 0 {
			if len(content.Content) == 0 {
				return nil, fmt.Errorf("line %d: `%s`: an empty map needs a line `# %s…` that says what it may hold", key.Line, found.path, schemaMark)
			}
			within, err := r.values(content, found.path+".")
			if err != nil {
				return nil, err
			}
			found.within = within
		} else if found.description == "" {
			return nil, fmt.Errorf("line %d: `%s`: has no comment", key.Line, found.path)
		}
		values = append(values, found)
	}
	return values, nil
}

// comment reads the lines right above a key, and finds the section that it lies in.
func (r reader) comment(line int, into *value) error {
	first := line - 1
	for first > 0 && strings.HasPrefix(strings.TrimSpace(r.lines[first-1]), "# ") {
		first--
	}
	var words []string
	for _, written := range r.lines[first : line-1] {
		text := strings.TrimPrefix(strings.TrimSpace(written), "# ")
		if schema, is := strings.CutPrefix(text, schemaMark); is {
			if err := json.Unmarshal([]byte(schema), &into.schema); err != nil {
				return fmt.Errorf("@schema is no JSON: %w", err)
			}
			continue
		}
		words = append(words, text)
	}
	into.description = strings.Join(words, " ")
	for _, written := range r.lines[:first] {
		if section, is := strings.CutPrefix(written, "## "); is {
			into.section = section
		}
	}
	return nil
}

// standard is the default, as JSON has it.
func (v *value) standard() (any, error) {
	var decoded any
	err := v.written.Decode(&decoded)
	return decoded, err
}
