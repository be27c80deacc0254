package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// A source has the files of a tlog-tiles log.
type source func(path string) ([]byte, error)

func open(place, bearer string) source {
	if !strings.HasPrefix(place, "http://") && !strings.HasPrefix(place, "https://") {
		return func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(place, path)) }
	}
	return func(path string) ([]byte, error) {
		request, err := http.NewRequest("GET", place+"/"+path, nil)
		if err != nil {
			return nil, err
		}
		if bearer != "" {
			request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(bearer))
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s", path, answer.Status)
		}
		return io.ReadAll(answer.Body)
	}
}

// height of tlog-tiles' tiles. Its paths leave it out, and name the bundles otherwise.
const height = 8

func path(t tlog.Tile) string {
	p := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", height))
	return "tile/" + strings.Replace(p, "data/", "entries/", 1)
}

// tiles is the log's tlog.TileReader: what it fetched is kept, for one walk.
type tiles struct {
	from source
	kept map[tlog.Tile][]byte
}

func (r *tiles) Height() int { return height }

func (r *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(wanted))
	for i, t := range wanted {
		if data, ok := r.kept[t]; ok {
			found[i] = data
			continue
		}
		data, err := r.from(path(t))
		if err != nil {
			return nil, err
		}
		r.kept[t], found[i] = data, data
	}
	return found, nil
}

func (r *tiles) SaveTiles([]tlog.Tile, [][]byte) {}
