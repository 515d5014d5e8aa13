// Package adapter serves a resource plugin of Dragonfly (d7y.io/dragonfly/v2/pkg/source.ResourceClient) to
// d7y-mount, in the protocol of docs/PLUGINS.md: HTTP on the Unix socket that D7Y_PLUGIN_SOCKET names.
package adapter

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"

	"d7y.io/dragonfly/v2/pkg/source"
)

// Init is the signature of DragonflyPluginInit.
type Init func(option map[string]string) (interface{}, map[string]string, error)

type call struct {
	Option map[string]string `json:"option"`
	URL    string            `json:"url"`
	Header map[string]string `json:"header"`
	Range  *byteRange        `json:"range"`
	Info   struct {
		Expire       string `json:"expire"`
		LastModified string `json:"lastModified"`
		ETag         string `json:"etag"`
	} `json:"info"`
}

// byteRange is [Start, End); without an end it is all from Start on.
type byteRange struct {
	Start int64  `json:"start"`
	End   *int64 `json:"end"`
}

type server struct {
	init   Init
	client source.ResourceClient

	mu sync.Mutex
	// ranged is what the last metadata of a URL said of its ranges, so that a download need not ask again.
	ranged map[string]bool
}

// Serve answers calls until standard input ends, which is when the mount does.
func Serve(init Init) {
	listener, err := net.Listen("unix", os.Getenv("D7Y_PLUGIN_SOCKET"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Fprintln(os.Stderr, http.Serve(listener, &server{init: init, ranged: map[string]bool{}}))
	os.Exit(1)
}

func (s *server) ServeHTTP(inner http.ResponseWriter, r *http.Request) {
	w := &answerWriter{ResponseWriter: inner}
	// Methods of Dragonfly's examples panic; that is a failure of the call, not of the plugin.
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if w.hasBegun {
			if cause != http.ErrAbortHandler {
				fmt.Fprintf(os.Stderr, "%s: %v\n", r.URL.Path, cause)
			}
			// A body that ends early must not look complete.
			panic(http.ErrAbortHandler)
		}
		fail(w, fmt.Errorf("panic: %v", cause))
	}()
	var c call
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		fail(w, err)
		return
	}
	if r.URL.Path == "/describe" {
		s.describe(w, c)
		return
	}
	request, err := source.NewRequestWithContext(r.Context(), c.URL, c.Header)
	if err != nil {
		fail(w, err)
		return
	}
	switch r.URL.Path {
	case "/metadata":
		s.metadata(w, request)
	case "/download":
		s.download(w, request, c.Range)
	case "/list":
		s.list(w, request)
	case "/expired":
		s.expired(w, request, &source.ExpireInfo{
			Expire: c.Info.Expire, LastModified: c.Info.LastModified, ETag: c.Info.ETag,
		})
	default:
		answer(w, http.StatusNotFound, map[string]string{"message": "no such call"})
	}
}

func (s *server) describe(w http.ResponseWriter, c call) {
	made, attributes, err := s.init(c.Option)
	if err != nil {
		fail(w, err)
		return
	}
	described := map[string]interface{}{"attributes": attributes}
	client, ok := made.(source.ResourceClient)
	if !ok {
		described["clientFault"] = "invalid client, not a ResourceClient"
	}
	s.client = client
	methods := []string{"expired"}
	if _, ok := made.(source.ResourceLister); ok {
		methods = append(methods, "list")
	}
	described["methods"] = methods
	answer(w, http.StatusOK, described)
}

// answerWriter knows whether the answer has begun: from then on a failure cannot be told any more.
type answerWriter struct {
	http.ResponseWriter
	hasBegun bool
}

func (w *answerWriter) WriteHeader(status int) {
	w.hasBegun = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Flush() {
	w.ResponseWriter.(http.Flusher).Flush()
}

func answer(w http.ResponseWriter, status int, value interface{}) {
	body, err := json.Marshal(value)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"message":"cannot be marshalled"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
