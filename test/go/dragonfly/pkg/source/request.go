package source

import (
	"context"
	"errors"
	"net/url"
)

type Request struct {
	URL    *url.URL
	Header Header
	ctx    context.Context
}

func NewRequestWithContext(ctx context.Context, rawURL string, header map[string]string) (*Request, error) {
	if ctx == nil {
		return nil, errors.New("nil Context")
	}
	parsed, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	request := &Request{ctx: ctx, URL: parsed, Header: Header{}}
	for key, value := range header {
		request.Header.Add(key, value)
	}
	return request, nil
}

func (r *Request) Context() context.Context {
	return r.ctx
}

func (r *Request) Clone(ctx context.Context) *Request {
	copied := *r.URL
	return &Request{ctx: ctx, URL: &copied, Header: r.Header.Clone()}
}
