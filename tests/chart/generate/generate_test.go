package main

import (
	"encoding/json"
	"strings"
	"testing"
)

const policy = `{"type": "object", "required": ["kind"], "title": "t", "$defs": {"Mode": {"enum": ["warn"]}}, "properties": {"mode": {"$ref": "#/$defs/Mode"}}}`

func TestSchema(t *testing.T) {
	values, err := readValues([]byte("## One\n\n# The policy.\n# @schema {\"$ref\": \"#/$defs/policy\"}\npolicy: {}\nimage:\n  # Its tag,\n  # a text.\n  tag: \"\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := writeSchema(values, []byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	var compact strings.Builder
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	encoder := json.NewEncoder(&compact)
	if err := encoder.Encode(schema["properties"]); err != nil {
		t.Fatal(err)
	}
	const expected = `{"image":{"additionalProperties":false,"properties":{"tag":{"default":"","description":"Its tag, a text.","type":"string"}},"type":"object"},"policy":{"$ref":"#/$defs/policy"}}`
	if found := strings.TrimSpace(compact.String()); found != expected {
		t.Error(found)
	}
	if err := encoder.Encode(schema["required"]); err != nil {
		t.Fatal(err)
	}
	// Not `tag`: its default is nothing.
	if _, required, _ := strings.Cut(strings.TrimSpace(compact.String()), "\n"); required != `["policy","image"]` {
		t.Error(required)
	}
	if values[1].within[0].section != "One" {
		t.Error(values[1].within[0].section)
	}
}

func TestWhatCannotBeDocumentedIsRefused(t *testing.T) {
	for text, message := range map[string]string{
		"a: 1\n":                                 "`a`: has no comment",
		"a:\n  # A map.\n  b: {}\n":              "`a.b`: an empty map needs",
		"# A list.\na: []\n":                     "`a`: a list needs `items`",
		"# Nothing.\na:\n":                       "`a`: no type follows",
		"# A number.\n# @schema {type}\na: 1\n":  "`a`: @schema is no JSON",
		"# A map.\n# @schema {\"a\":1}\na: {}\n": "`a`: a map needs `additionalProperties`",
	} {
		values, err := readValues([]byte(text))
		if err == nil {
			_, err = writeSchema(values, []byte(policy))
		}
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
