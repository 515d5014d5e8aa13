// A plugin that has all that Dragonfly's interface offers: ranges, versions, listings, errors. Its option
// `file` names what it serves, as /a%20file.bin.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"

	"d7y.io/dragonfly/v2/pkg/source"
	"example.com/plugin/adapter"
)

const modified = "Mon, 01 Jan 2024 00:00:00 GMT"

type client struct {
	content []byte
}

func (c *client) check(request *source.Request) error {
	switch request.URL.Path {
	case "/a file.bin", "/breaks", "/panics":
		return nil
	case "/gone":
		return source.CheckResponseCode(410, []int{200, 206})
	case "/refused":
		return fmt.Errorf("open: %w", os.ErrPermission)
	default:
		return fmt.Errorf("memory: %w", source.ErrResourceNotReachable)
	}
}

func (c *client) GetContentLength(request *source.Request) (int64, error) {
	return int64(len(c.content)), c.check(request)
}

func (c *client) IsSupportRange(request *source.Request) (bool, error) {
	return request.Header.Get(source.Range) == "0-0", c.check(request)
}

func (c *client) IsExpired(request *source.Request, info *source.ExpireInfo) (bool, error) {
	return info.ETag != `"1"`, c.check(request)
}

func (c *client) Download(request *source.Request) (*source.Response, error) {
	if err := c.check(request); err != nil {
		return nil, err
	}
	start, end := 0, len(c.content)
	if wanted := request.Header.Get(source.Range); wanted != "" {
		parts := strings.SplitN(wanted, "-", 2)
		start, _ = strconv.Atoi(parts[0])
		if last, err := strconv.Atoi(parts[1]); err == nil && last+1 < end {
			end = last + 1
		}
	}
	if request.URL.Path != "/a file.bin" {
		return source.NewResponse(io.NopCloser(&breaking{panics: request.URL.Path == "/panics"})), nil
	}
	return source.NewResponse(io.NopCloser(bytes.NewReader(c.content[start:end])),
		source.WithExpireInfo(source.ExpireInfo{ETag: `"1"`, LastModified: modified})), nil
}

func (c *client) GetLastModified(request *source.Request) (int64, error) {
	return 1704067200000, c.check(request)
}

func (c *client) List(request *source.Request) ([]source.URLEntry, error) {
	found, err := url.Parse(request.URL.Scheme + "://" + request.URL.Host + "/a%20file.bin")
	return []source.URLEntry{{URL: found, Name: "a file.bin"}}, err
}

// breaking gives a little of a body, and then fails.
type breaking struct {
	panics bool
	reads  int
}

func (b *breaking) Read(into []byte) (int, error) {
	b.reads++
	if b.reads < 3 {
		return copy(into, "half"), nil
	}
	if b.panics {
		panic("no more")
	}
	return 0, errors.New("no more")
}

func DragonflyPluginInit(option map[string]string) (interface{}, map[string]string, error) {
	content, err := os.ReadFile(option["file"])
	if err != nil {
		return nil, nil, err
	}
	attributes := map[string]string{"scheme": "memory", "type": "resource", "name": "memory"}
	return &client{content}, attributes, nil
}

func main() {
	adapter.Serve(DragonflyPluginInit)
}
