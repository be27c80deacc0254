package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// opened is the tree of a checkpoint that vkey signed, for a log that is called as the key.
func opened(text, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(vkey))
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	origin, rest, _ := strings.Cut(signed.Text, "\n")
	if origin != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("this is the checkpoint of %q, not of %q", origin, verifier.Name())
	}
	// tlog reads the three lines where the first says whose tree it is.
	return tlog.ParseTree([]byte("go.sum database tree\n" + rest))
}

// A proof of each entry of larger logs would prove the inner nodes over and over: there the first and the last
// of each bundle get one, and all are compared with leaf hashes that were authenticated.
const proveAll = 1024

func walk(from source, vkey, kept string) (int64, error) {
	checkpoint, err := from("checkpoint")
	if err != nil {
		return 0, err
	}
	tree, err := opened(string(checkpoint), vkey)
	if err != nil {
		return 0, err
	}
	if tree.N == 0 {
		return 0, nil
	}
	hashes := tlog.TileHashReader(tree, &tiles{from, map[tlog.Tile][]byte{}})
	if root, err := tlog.TreeHash(tree.N, hashes); err != nil || root != tree.Hash {
		return 0, errors.Join(errors.New("the tiles do not lead to the root"), err)
	}
	for start := int64(0); start < tree.N; start += 1 << height {
		if err := walkBundle(from, tree, start, hashes); err != nil {
			return 0, err
		}
	}
	if kept != "" {
		return tree.N, continues(tree, kept, vkey, hashes)
	}
	return tree.N, nil
}

func walkBundle(from source, tree tlog.Tree, start int64, hashes tlog.HashReader) error {
	width := min(tree.N-start, 1<<height)
	data, err := from(path(tlog.Tile{H: height, L: -1, N: start >> height, W: int(width)}))
	if err != nil {
		return err
	}
	indexes := make([]int64, width)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, start+int64(i))
	}
	leaves, err := hashes.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for i := range leaves {
		if len(data) < 2 || len(data) < 2+(int(data[0])<<8|int(data[1])) {
			return fmt.Errorf("the bundle of entry %d is cut short", start)
		}
		size := 2 + (int(data[0])<<8 | int(data[1]))
		index, leaf := start+int64(i), tlog.RecordHash(data[2:size])
		data = data[size:]
		if leaf != leaves[i] {
			return fmt.Errorf("entry %d is not the one that was signed", index)
		}
		if tree.N > proveAll && i != 0 && i != len(leaves)-1 {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
	}
	if len(data) != 0 {
		return fmt.Errorf("the bundle of entry %d is too long", start)
	}
	return nil
}

// continues reports whether the tree begins with that of a checkpoint somebody kept.
func continues(tree tlog.Tree, kept, vkey string, hashes tlog.HashReader) error {
	earlier, err := opened(kept, vkey)
	if err != nil {
		return err
	}
	if earlier.N > tree.N {
		return fmt.Errorf("the log has %d entries, and had %d", tree.N, earlier.N)
	}
	if earlier.N == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(tree.N, earlier.N, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, earlier.N, earlier.Hash)
}

func checkProof(text string, entry []byte, vkey string) (int64, error) {
	head, checkpoint, found := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return 0, errors.New("not a tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return 0, err
	}
	proof := make(tlog.RecordProof, 0, len(lines))
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return 0, err
		}
		proof = append(proof, hash)
	}
	tree, err := opened(checkpoint, vkey)
	if err != nil {
		return 0, err
	}
	return tree.N, tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}
