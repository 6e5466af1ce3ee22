package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
)

// writeSchema makes values.schema.json: of the values, and of the schema of the policy file for `policy`.
func writeSchema(values []*value, policy []byte) ([]byte, error) {
	definitions, err := policyDefinitions(policy)
	if err != nil {
		return nil, err
	}
	root, err := object(values)
	if err != nil {
		return nil, err
	}
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "The values of the chart quench"
	root["$defs"] = definitions
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(root)
	return text.Bytes(), err
}

// object is the schema of a map with these keys and no others. Helm takes away a key whose value is null, such as a section of which
// everything is commented out: what templates count on is required, so that the message names it.
func object(values []*value) (map[string]any, error) {
	properties := map[string]any{}
	var required []string
	for _, value := range values {
		schema, err := value.property()
		if err != nil {
			return nil, fmt.Errorf("`%s`: %w", value.path, err)
		}
		properties[value.key] = schema
		counted, err := value.isCountedOn()
		if err != nil {
			return nil, fmt.Errorf("`%s`: %w", value.path, err)
		}
		if counted {
			required = append(required, value.key)
		}
	}
	made := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		made["required"] = required
	}
	return made, nil
}

// isCountedOn tells whether nothing is none of its values: it is a section, a scalar that is not empty, or a list that must not be.
func (v *value) isCountedOn() (bool, error) {
	standard, err := v.standard()
	if err != nil {
		return false, err
	}
	switch standard := standard.(type) {
	case map[string]any:
		return v.within != nil || v.schema["$ref"] != nil, nil
	case []any:
		return v.schema["minItems"] != nil, nil
	case string:
		return standard != "", nil
	default:
		return true, nil
	}
}

func (v *value) property() (map[string]any, error) {
	if v.within != nil {
		return object(v.within)
	}
	// Older validators take nothing beside a reference into account.
	if reference, is := v.schema["$ref"]; is {
		return map[string]any{"$ref": reference}, nil
	}
	standard, err := v.standard()
	if err != nil {
		return nil, err
	}
	schema := map[string]any{"description": v.description, "default": standard}
	switch standard.(type) {
	case bool:
		schema["type"] = "boolean"
	case int:
		schema["type"] = "integer"
	case string:
		schema["type"] = "string"
	case []any:
		schema["type"] = "array"
		if _, is := v.schema["items"]; !is {
			return nil, fmt.Errorf("a list needs `items` in its %s", schemaMark)
		}
	case map[string]any:
		schema["type"] = "object"
		if _, is := v.schema["additionalProperties"]; !is {
			return nil, fmt.Errorf("a map needs `additionalProperties` in its %s", schemaMark)
		}
	default:
		return nil, fmt.Errorf("no type follows from the default %v", standard)
	}
	maps.Copy(schema, v.schema)
	return schema, nil
}

// policyDefinitions are those of the policy's own schema, and `policy` itself. The chart fills in what makes the file one.
func policyDefinitions(text []byte) (map[string]any, error) {
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		return nil, fmt.Errorf("the schema of the policy file: %w", err)
	}
	definitions, is := schema["$defs"].(map[string]any)
	if !is || definitions["policy"] != nil {
		return nil, fmt.Errorf("the schema of the policy file has no `$defs`, or a `policy` among them")
	}
	for _, key := range []string{"$schema", "$defs", "title", "required"} {
		delete(schema, key)
	}
	definitions["policy"] = schema
	return definitions, nil
}
