// Command conformance is the oracle for quench's image references: github.com/distribution/reference itself.
//
//	conformance inputs FILE_test.go...   the string expressions of Go test tables, one JSON string a line
//	conformance answers                  JSON strings on stdin, one a line; what ParseNormalizedNamed makes of each on stdout
package main

import (
	"bufio"
	_ "crypto/sha256" // go-digest refuses an algorithm that is not linked in
	_ "crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/distribution/reference"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := run(os.Args[1:], os.Stdin, json.NewEncoder(out))
	if err := errors.Join(err, out.Flush()); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, out *json.Encoder) error {
	switch {
	case len(args) > 1 && args[0] == "inputs":
		return inputs(args[1:], out)
	case len(args) == 1 && args[0] == "answers":
		return answers(json.NewDecoder(stdin), out)
	default:
		return errors.New("usage: conformance inputs FILE_test.go... | conformance answers")
	}
}

// answer is what the distribution project says about one text.
type answer struct {
	In        string `json:"in"`
	OK        bool   `json:"ok"`
	Canonical string `json:"canonical"`
	Domain    string `json:"domain"`
	Path      string `json:"path"`
	Tag       string `json:"tag"`
	Digest    string `json:"digest"`
	Error     string `json:"error"`
}

func answers(in *json.Decoder, out *json.Encoder) error {
	for {
		var text string
		if err := in.Decode(&text); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := out.Encode(ask(text)); err != nil {
			return err
		}
	}
}

func ask(text string) answer {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return answer{In: text, Error: err.Error()}
	}
	a := answer{In: text, OK: true, Canonical: named.String(), Domain: reference.Domain(named), Path: reference.Path(named)}
	if tagged, ok := named.(reference.Tagged); ok {
		a.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		a.Digest = digested.Digest().String()
	}
	return a
}

// inputs prints every string expression of the files that can be worked out without running them: a superset of their tables.
func inputs(files []string, out *json.Encoder) error {
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		var failed error
		ast.Inspect(file, func(node ast.Node) bool {
			expression, ok := node.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := evaluate(expression)
			if ok {
				failed = errors.Join(failed, out.Encode(text))
			}
			return !ok // the parts of an expression that was taken whole are no inputs
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

// evaluate knows literals, their sums and strings.Repeat.
func evaluate(expression ast.Expr) (string, bool) {
	switch e := expression.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.ParenExpr:
		return evaluate(e.X)
	case *ast.BinaryExpr:
		left, okLeft := evaluate(e.X)
		right, okRight := evaluate(e.Y)
		return left + right, e.Op == token.ADD && okLeft && okRight
	case *ast.CallExpr:
		function, ok := e.Fun.(*ast.SelectorExpr)
		if !ok || function.Sel.Name != "Repeat" || len(e.Args) != 2 {
			return "", false
		}
		text, okText := evaluate(e.Args[0])
		count, okCount := e.Args[1].(*ast.BasicLit)
		if !okText || !okCount {
			return "", false
		}
		n, err := strconv.Atoi(count.Value)
		return strings.Repeat(text, n), err == nil
	default:
		return "", false
	}
}
