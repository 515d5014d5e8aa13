package adapter

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"time"

	"d7y.io/dragonfly/v2/pkg/source"
)

const (
	chunkBytes = 1 << 20
	maxRanged  = 10_000
)

func (s *server) metadata(w http.ResponseWriter, request *source.Request) {
	length, err := s.client.GetContentLength(request)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]interface{}{
		"contentLength": length,
		"supportRange":  s.askRanged(request),
		"lastModified":  modified(s.client, request),
	})
}

func (s *server) download(w http.ResponseWriter, request *source.Request, wanted *byteRange) {
	if wanted != nil && s.isRanged(request) {
		last := ""
		if wanted.End != nil {
			last = strconv.FormatInt(*wanted.End-1, 10)
		}
		request.Header.Set(source.Range, fmt.Sprintf("%d-%s", wanted.Start, last))
	}
	response, err := s.client.Download(request)
	if err != nil {
		fail(w, err)
		return
	}
	defer response.Body.Close()
	if response.Validate != nil {
		if err := response.Validate(); err != nil {
			fail(w, err)
			return
		}
	}
	buffer := make([]byte, chunkBytes)
	// What fails before the first byte can still be told.
	size, err := response.Body.Read(buffer)
	if err != nil && err != io.EOF {
		fail(w, err)
		return
	}
	setHeader(w.Header(), response)
	w.WriteHeader(http.StatusOK)
	for {
		if _, failure := w.Write(buffer[:size]); failure != nil {
			panic(http.ErrAbortHandler)
		}
		if flusher, ok := w.(http.Flusher); ok && err == nil {
			// A slow source is seen to go on.
			flusher.Flush()
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(err)
		}
		size, err = response.Body.Read(buffer)
	}
}

func setHeader(header http.Header, response *source.Response) {
	info := response.ExpireInfo()
	if info.ETag != "" {
		header.Set("ETag", info.ETag)
	}
	if _, err := time.Parse(http.TimeFormat, info.LastModified); err == nil {
		header.Set("Last-Modified", info.LastModified)
	}
	if response.ContentLength >= 0 {
		header.Set("Content-Length", strconv.FormatInt(response.ContentLength, 10))
	}
}

func (s *server) list(w http.ResponseWriter, request *source.Request) {
	lister, ok := s.client.(source.ResourceLister)
	if !ok {
		fail(w, source.ErrClientNotSupportList)
		return
	}
	found, err := lister.List(request)
	if err != nil {
		fail(w, err)
		return
	}
	entries := make([]map[string]interface{}, 0, len(found))
	for _, entry := range found {
		// Names are percent-encoded, as in the URL; Name is not.
		name := path.Base(entry.URL.EscapedPath())
		if name == "." || name == "/" {
			continue
		}
		entries = append(entries, map[string]interface{}{"name": name, "isDir": entry.IsDir})
	}
	answer(w, http.StatusOK, map[string]interface{}{"entries": entries})
}

func (s *server) expired(w http.ResponseWriter, request *source.Request, info *source.ExpireInfo) {
	expired, err := s.client.IsExpired(request, info)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]interface{}{"expired": expired})
}

func (s *server) isRanged(request *source.Request) bool {
	s.mu.Lock()
	ranged, isKnown := s.ranged[request.URL.String()]
	s.mu.Unlock()
	return ranged || !isKnown && s.askRanged(request)
}

func (s *server) askRanged(request *source.Request) bool {
	ranged := supported(s.client, request)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ranged) >= maxRanged {
		s.ranged = map[string]bool{}
	}
	s.ranged[request.URL.String()] = ranged
	return ranged
}

// supported takes a failure, or a panic, for no. As Dragonfly does, it asks for the first byte.
func supported(client source.ResourceClient, request *source.Request) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	first := request.Clone(request.Context())
	first.Header.Set(source.Range, "0-0")
	yes, err := client.IsSupportRange(first)
	return yes && err == nil
}

// modified takes a failure, or a panic, for unknown.
func modified(client source.ResourceClient, request *source.Request) (ms int64) {
	defer func() {
		if recover() != nil {
			ms = -1
		}
	}()
	ms, err := client.GetLastModified(request)
	if err != nil {
		return -1
	}
	return ms
}
