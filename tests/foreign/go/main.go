// Command walk checks logs and receipts with golang.org/x/mod/sumdb/note and sumdb/tlog, the code by which the
// go command verifies the checksum database. It knows nothing of Sealtrail but C2SP's formats.
//
//	walk LOG VKEY [KEPT-CHECKPOINT]   LOG is a folder or a URL; $KEY, where set, is sent as a bearer token
//	walk -proof FILE ENTRY VKEY
//	walk                              cases as JSON on standard input, verdicts as JSON on standard output
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// A question is a log to be walked, or a receipt to be checked; the answer is empty, or says why not.
type question struct {
	Log    string // folder or URL
	Bearer string // key for the URL
	Kept   string // an earlier checkpoint that the log must continue
	Proof  string // a .tlog-proof
	Entry  []byte // the entry it is about
	Key    string // vkey of the log
}

func (q question) answer() (int64, error) {
	if q.Proof != "" {
		return checkProof(q.Proof, q.Entry, q.Key)
	}
	return walk(open(q.Log, q.Bearer), q.Key, q.Kept)
}

func main() {
	if len(os.Args) == 1 {
		batch()
		return
	}
	q, err := asked(os.Args[1:])
	if err == nil {
		var size int64
		if size, err = q.answer(); err == nil {
			fmt.Printf("%d entries: every one is under the checkpoint that %.40s signed\n", size, q.Key)
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func asked(args []string) (question, error) {
	if args[0] == "-proof" && len(args) == 4 {
		texts, err := readAll(args[1:])
		return question{Proof: texts[0], Entry: []byte(texts[1]), Key: texts[2]}, err
	}
	if args[0] == "-proof" || len(args) < 2 || len(args) > 3 {
		return question{}, fmt.Errorf("usage: walk LOG VKEY [KEPT-CHECKPOINT], or walk -proof FILE ENTRY VKEY")
	}
	texts, err := readAll(args[1:])
	return question{Log: args[0], Bearer: os.Getenv("KEY"), Key: texts[0], Kept: texts[1]}, err
}

// readAll returns the content of each file, and empty texts up to three.
func readAll(names []string) ([]string, error) {
	texts := make([]string, 3)
	for i, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return texts, err
		}
		texts[i] = string(data)
	}
	return texts, nil
}

func batch() {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	answers := make([]string, len(questions))
	for i, q := range questions {
		if _, err := q.answer(); err != nil {
			answers[i] = err.Error()
		}
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}
