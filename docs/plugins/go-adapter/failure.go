package adapter

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"

	"d7y.io/dragonfly/v2/pkg/source"
)

// fail answers with the code that the mount knows for an error; without one it is the plugin's fault.
func fail(w http.ResponseWriter, err error) {
	failure := map[string]string{"message": err.Error()}
	if code := codeOf(err); code != "" {
		failure["code"] = code
	}
	answer(w, http.StatusInternalServerError, failure)
}

func codeOf(err error) string {
	// Dragonfly's UnexpectedStatusCodeError, whether it is given as a value or by a pointer.
	var status interface{ Got() int }
	var host *net.DNSError
	switch {
	case source.IsResourceNotReachableError(err), errors.Is(err, os.ErrNotExist):
		return "NOT_FOUND"
	case errors.Is(err, os.ErrPermission):
		return "ACCESS_DENIED"
	case errors.Is(err, source.ErrClientNotSupportList):
		return "LIST_NOT_SUPPORTED"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "TIMEOUT"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "CONNECTION_REFUSED"
	case errors.Is(err, syscall.ECONNRESET):
		return "CONNECTION_LOST"
	case errors.Is(err, syscall.ENETUNREACH):
		return "NETWORK_UNREACHABLE"
	case errors.As(err, &host), errors.Is(err, syscall.EHOSTUNREACH):
		return "HOST_UNREACHABLE"
	case errors.As(err, &status):
		return codeOfStatus(status.Got())
	}
	return ""
}

func codeOfStatus(status int) string {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return "NOT_FOUND"
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusUnavailableForLegalReasons:
		return "ACCESS_DENIED"
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return "TIMEOUT"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "BUSY"
	}
	return "UNEXPECTED_STATUS"
}
