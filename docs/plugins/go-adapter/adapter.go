// Package adapter serves a resource plugin of Dragonfly (d7y.io/dragonfly/v2/pkg/source.ResourceClient) to
// d7y-mount, in the protocol of docs/PLUGINS.md: HTTP on the Unix socket that D7Y_PLUGIN_SOCKET names.
package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"d7y.io/dragonfly/v2/pkg/source"
)

// Init is the signature of DragonflyPluginInit.
type Init func(option map[string]string) (interface{}, map[string]string, error)

type call struct {
	Option map[string]string `json:"option"`
	URL    string            `json:"url"`
	Header map[string]string `json:"header"`
	Range  *struct {
		Start int64  `json:"start"`
		End   *int64 `json:"end"`
	} `json:"range"`
	Info struct {
		Expire       string `json:"expire"`
		LastModified string `json:"lastModified"`
		ETag         string `json:"etag"`
	} `json:"info"`
}

type server struct {
	init   Init
	client source.ResourceClient
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
	fmt.Fprintln(os.Stderr, http.Serve(listener, &server{init: init}))
	os.Exit(1)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Methods of Dragonfly's examples panic; that is a failure of the call, not of the plugin.
	defer func() {
		if cause := recover(); cause != nil {
			if cause == http.ErrAbortHandler {
				panic(cause)
			}
			fail(w, fmt.Errorf("panic: %v", cause))
		}
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
	header := map[string]string{}
	for name, value := range c.Header {
		header[name] = value
	}
	if r.URL.Path == "/download" && c.Range != nil && s.supportsRange(r, c) {
		last := ""
		if c.Range.End != nil {
			last = strconv.FormatInt(*c.Range.End-1, 10)
		}
		header[source.Range] = fmt.Sprintf("%d-%s", c.Range.Start, last)
	}
	request, err := source.NewRequestWithContext(r.Context(), c.URL, header)
	if err != nil {
		fail(w, err)
		return
	}
	switch r.URL.Path {
	case "/metadata":
		s.metadata(w, request)
	case "/download":
		s.download(w, request)
	case "/list":
		s.list(w, request)
	case "/expired":
		expired, err := s.client.IsExpired(request, &source.ExpireInfo{
			Expire: c.Info.Expire, LastModified: c.Info.LastModified, ETag: c.Info.ETag,
		})
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, http.StatusOK, map[string]interface{}{"expired": expired})
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

func (s *server) supportsRange(r *http.Request, c call) bool {
	request, err := source.NewRequestWithContext(r.Context(), c.URL, c.Header)
	return err == nil && supported(s.client, request)
}

// supported takes a failure, or a panic, for no.
func supported(client source.ResourceClient, request *source.Request) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	yes, err := client.IsSupportRange(request)
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

func (s *server) metadata(w http.ResponseWriter, request *source.Request) {
	length, err := s.client.GetContentLength(request)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]interface{}{
		"contentLength": length,
		"supportRange":  supported(s.client, request),
		"lastModified":  modified(s.client, request),
	})
}

func (s *server) download(w http.ResponseWriter, request *source.Request) {
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
	info := response.ExpireInfo()
	for name, value := range map[string]string{"ETag": info.ETag, "Last-Modified": info.LastModified} {
		if _, err := time.Parse(http.TimeFormat, value); value != "" && (name == "ETag" || err == nil) {
			w.Header().Set(name, value)
		}
	}
	if response.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(response.ContentLength, 10))
	}
	w.WriteHeader(http.StatusOK)
	if _, err := io.CopyBuffer(w, response.Body, make([]byte, 1<<20)); err != nil {
		// A body that ends early must not look complete.
		panic(http.ErrAbortHandler)
	}
}

func (s *server) list(w http.ResponseWriter, request *source.Request) {
	lister, ok := s.client.(source.ResourceLister)
	if !ok {
		answer(w, http.StatusNotImplemented, map[string]string{"code": "LIST_NOT_SUPPORTED"})
		return
	}
	found, err := lister.List(request)
	if err != nil {
		fail(w, err)
		return
	}
	entries := make([]map[string]interface{}, 0, len(found))
	for _, entry := range found {
		// Names are percent-encoded, as in the URL.
		path := entry.URL.EscapedPath()
		for len(path) > 0 && path[len(path)-1] == '/' {
			path = path[:len(path)-1]
		}
		for i := len(path) - 1; i >= 0; i-- {
			if path[i] == '/' {
				path = path[i+1:]
				break
			}
		}
		entries = append(entries, map[string]interface{}{"name": path, "isDir": entry.IsDir})
	}
	answer(w, http.StatusOK, map[string]interface{}{"entries": entries})
}

func fail(w http.ResponseWriter, err error) {
	failure := map[string]string{"message": err.Error()}
	var status *source.UnexpectedStatusCodeError
	switch {
	case source.IsResourceNotReachableError(err), errors.Is(err, os.ErrNotExist):
		failure["code"] = "NOT_FOUND"
	case errors.Is(err, os.ErrPermission):
		failure["code"] = "ACCESS_DENIED"
	case errors.As(err, &status) && (status.Got() == 404 || status.Got() == 410):
		failure["code"] = "NOT_FOUND"
	case errors.As(err, &status) && (status.Got() == 401 || status.Got() == 403):
		failure["code"] = "ACCESS_DENIED"
	}
	answer(w, http.StatusInternalServerError, failure)
}

func answer(w http.ResponseWriter, status int, value interface{}) {
	body, err := json.Marshal(value)
	if err != nil {
		// 422: attributes that cannot be marshalled.
		status, body = http.StatusUnprocessableEntity, []byte(`{"message":"cannot be marshalled"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
