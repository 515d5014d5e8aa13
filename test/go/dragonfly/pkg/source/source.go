// Package source declares what plugins see of Dragonfly's pkg/source (v2.1.0), so that the adapter can be
// compiled without Dragonfly and its dependencies. Names, types and results are Dragonfly's.
package source

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
)

const (
	Range                = "X-Dragonfly-Range"
	UnknownSourceFileLen = -2
)

var (
	ErrResourceNotReachable = errors.New("resource is not reachable")
	ErrClientNotSupportList = errors.New("source client not support list")
)

func IsResourceNotReachableError(err error) bool {
	return errors.Is(err, ErrResourceNotReachable)
}

type UnexpectedStatusCodeError struct {
	allowed []int
	got     int
}

func (e UnexpectedStatusCodeError) Error() string {
	return fmt.Sprintf("status code from source is %d; was expecting %v", e.got, e.allowed)
}

func (e UnexpectedStatusCodeError) Got() int {
	return e.got
}

func CheckResponseCode(got int, allowed []int) error {
	for _, one := range allowed {
		if one == got {
			return nil
		}
	}
	return UnexpectedStatusCodeError{allowed, got}
}

type ResourceClient interface {
	GetContentLength(request *Request) (int64, error)
	IsSupportRange(request *Request) (bool, error)
	IsExpired(request *Request, info *ExpireInfo) (bool, error)
	Download(request *Request) (*Response, error)
	GetLastModified(request *Request) (int64, error)
}

type URLEntry struct {
	URL       *url.URL
	Name      string
	IsDir     bool
	Attribute map[string]string
}

type ResourceLister interface {
	List(request *Request) ([]URLEntry, error)
}

type Header map[string][]string

func (h Header) Add(key, value string) { textproto.MIMEHeader(h).Add(key, value) }
func (h Header) Set(key, value string) { textproto.MIMEHeader(h).Set(key, value) }
func (h Header) Get(key string) string { return textproto.MIMEHeader(h).Get(key) }
func (h Header) Clone() Header         { return Header(http.Header(h).Clone()) }

type ExpireInfo struct {
	Expire       string
	LastModified string
	ETag         string
}

type Response struct {
	Status        string
	StatusCode    int
	Header        Header
	Body          io.ReadCloser
	ContentLength int64
	Validate      func() error
	Temporary     bool
}

func NewResponse(body io.ReadCloser, options ...func(*Response)) *Response {
	response := &Response{
		Header: Header{}, Status: "OK", StatusCode: http.StatusOK, Body: body, ContentLength: -1, Temporary: true,
		Validate: func() error { return nil },
	}
	for _, option := range options {
		option(response)
	}
	return response
}

func WithContentLength(length int64) func(*Response) {
	return func(response *Response) { response.ContentLength = length }
}

func WithExpireInfo(info ExpireInfo) func(*Response) {
	return func(response *Response) {
		if info.LastModified != "" {
			response.Header.Set("Last-Modified", info.LastModified)
		}
		if info.ETag != "" {
			response.Header.Set("ETag", info.ETag)
		}
	}
}

func (r *Response) ExpireInfo() ExpireInfo {
	return ExpireInfo{
		LastModified: r.Header.Get("Last-Modified"), ETag: r.Header.Get("ETag"), Expire: r.Header.Get("Expires"),
	}
}
