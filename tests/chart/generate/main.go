// Program generate makes README.md and values.schema.json of the chart from values.yaml, and the policy's part of the schema from
// docs/policy.schema.json. With --check it writes nothing, and says what is not as it would write it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail where a file is not as it should be")
	root := flag.String("root", "../..", "the root of the repository")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	files, err := generated(root)
	if err != nil {
		return err
	}
	for path, text := range files {
		existing, err := os.ReadFile(path)
		switch {
		case err == nil && bytes.Equal(existing, text):
		case check:
			return fmt.Errorf("%s is not what values.yaml, README.md.gotmpl and docs/policy.schema.json make of it: run tests/chart/run --generate", path)
		default:
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// generated are the files and what belongs in them.
func generated(root string) (map[string][]byte, error) {
	chart := filepath.Join(root, "charts/quench")
	var sources [4][]byte
	for i, path := range []string{
		filepath.Join(chart, "values.yaml"),
		filepath.Join(chart, "Chart.yaml"),
		filepath.Join(chart, "README.md.gotmpl"),
		filepath.Join(root, "docs/policy.schema.json"),
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		sources[i] = text
	}
	values, err := readValues(sources[0])
	if err != nil {
		return nil, fmt.Errorf("values.yaml: %w", err)
	}
	schema, err := writeSchema(values, sources[3])
	if err != nil {
		return nil, fmt.Errorf("values.schema.json: %w", err)
	}
	readme, err := writeReadme(string(sources[2]), sources[1], values)
	if err != nil {
		return nil, fmt.Errorf("README.md: %w", err)
	}
	return map[string][]byte{
		filepath.Join(chart, "values.schema.json"): schema,
		filepath.Join(chart, "README.md"):          readme,
	}, nil
}
